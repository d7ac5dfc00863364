"""Own images decoded by several processes, killed ones and two at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
from photos import many

from memest.data import load_images
from memest.data.decoded import cache_entries
from memest.data.decoded.build import PARTS


def test_several_processes_decode_each_image_into_its_place() -> None:
    """All pixels, in order, in grey because all images are."""
    pixels = many()
    train = load_images("photos").train
    np.testing.assert_array_equal(np.asarray(train.images)[..., 0], pixels)
    assert not list(Path(".cache").rglob(PARTS))


KILLED = """
import os, signal
from memest.data import load_images
from memest.data.decoded import build
save, count = build._save, 0
def dying(*arguments):
    global count
    save(*arguments)
    count += 1
    if count == 2:
        os.kill(os.getpid(), signal.SIGKILL)
build._save = dying
build._done = lambda jobs, count: (build.decode_part(*job) for job in jobs)
load_images("photos")
"""


def test_decoding_goes_on_where_it_was_killed() -> None:
    """Parts that were done are not done again, and the result is that of an undisturbed start."""
    pixels = many()
    ended = subprocess.run([sys.executable, "-c", KILLED], check=False).returncode
    assert ended == -signal.SIGKILL
    (parts,) = Path(".cache").rglob(PARTS)
    done = sorted(parts.iterdir())
    assert len(done) == 2
    assert not list(cache_entries())
    for path in Path("photos/a").iterdir():  # what is done is not read again
        state = path.stat()
        path.write_bytes(bytes(state.st_size))
        os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    images = load_images("folder(path=photos, color=grey, size=8, on_error=skip)").train
    np.testing.assert_array_equal(np.asarray(images.images)[:300, ..., 0], pixels[:300])


def test_two_that_start_at_once_decode_once() -> None:
    """One decodes, the other waits for it; both have all images."""
    many()
    code = "from memest.data import load_images; print(load_images('photos').train.fingerprint)"
    both = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    said = {process.communicate(timeout=120)[0] for process in both}
    assert len(said) == 1
    assert len(list(cache_entries())) == 1
