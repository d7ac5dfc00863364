"""Images of a folder are decoded once, and behave as in memory."""

from __future__ import annotations

import io
import logging
import os

import numpy as np
import pytest
from photo_folders import PIXELS, RNG, photos, pixels_of, put, rows, table, write_table
from PIL import Image

from memest.data import ImageSet, corrupt, load_images
from memest.data.decoded import cache_entries
from memest.data.images import _check
from memest.data.mapped import MappedImages
from memest.errors import DataError
from memest.seeding import Streams


def test_what_cannot_be_read_is_listed_or_left_out(caplog: pytest.LogCaptureFixture) -> None:
    """Each with its reason; left out on demand, with the ids of the others as they were."""
    photos()
    whole = io.BytesIO()
    Image.fromarray(RNG.integers(0, 256, (40, 40, 3), dtype=np.uint8)).save(whole, "JPEG")
    bad = {
        "cat/cut.jpg": whole.getvalue()[:-200],
        "cat/empty.png": b"",
        "cat/note.txt": b"not a picture",
        "dog/pointer.png": b"version https://git-lfs.github.com/spec/v1\n",
    }
    for name, content in bad.items():
        put(f"photos/{name}", content)
    with pytest.raises(DataError) as refusal:
        load_images("folder(path=photos)")
    for words in (
        "4 of 16 images in photos cannot be read",
        "cat/cut.jpg (image file is truncated",
        "cat/empty.png (an empty file)",
        "cat/note.txt (not an image that Pillow reads)",
        "git lfs pull",
        "on_error=skip",
    ):
        assert words in str(refusal.value)
    split = load_images("folder(path=photos, on_error=skip)")
    assert set(split.left_out) == set(bad)
    assert len(split.train) == 12
    assert split.train.ids.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 11, 12, 13, 14]
    assert "4 of 16 images" in caplog.text
    _check(split.train)


def test_images_on_disk_behave_as_in_memory() -> None:
    """Limit, take, corruptions and fingerprints give what the same arrays in memory give."""
    photos(count=12)
    on_disk = load_images("folder(path=photos)").train
    assert isinstance(on_disk.images, MappedImages)
    in_memory = ImageSet(
        pixels_of(on_disk), on_disk.labels, on_disk.ids, on_disk.classes, on_disk.order, names=on_disk.names
    )
    limited = load_images("folder(path=photos)", limit=6).train
    assert isinstance(limited.images, MappedImages)
    np.testing.assert_array_equal(pixels_of(limited), pixels_of(on_disk)[limited.ids])
    for spec in ("symmetric_noise(rate=0.3)", "conflicting_duplicates(pairs=3)"):
        damaged, truth = corrupt(on_disk, spec, Streams(1))
        expected, _ = corrupt(in_memory, spec, Streams(1))
        assert isinstance(damaged.images, MappedImages)
        np.testing.assert_array_equal(pixels_of(damaged), pixels_of(expected))
        np.testing.assert_array_equal(damaged.labels, expected.labels)
        assert truth.apply(on_disk).fingerprint == damaged.fingerprint != on_disk.fingerprint
    backwards = np.arange(12)[::-1].copy()
    np.testing.assert_array_equal(pixels_of(on_disk.take(backwards)), pixels_of(on_disk)[backwards])
    for one, other in zip(on_disk.statistics(), in_memory.statistics(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


def test_one_changed_pixel_changes_the_fingerprint() -> None:
    """Of images on disk too; and a source that changed is decoded anew, which is said."""
    photos()
    before = load_images("folder(path=photos)").train
    changed = PIXELS[1].copy()
    changed[0, 0, 0] ^= 1
    put("photos/cat/01.png", changed)
    after = load_images("folder(path=photos)").train
    assert before.fingerprint != after.fingerprint
    np.testing.assert_array_equal(pixels_of(after)[0], changed)


def test_a_changed_source_replaces_what_was_decoded(caplog: pytest.LogCaptureFixture) -> None:
    """One line says so, and the old pixels go."""
    photos()
    load_images("folder(path=photos)")
    assert not caplog.messages
    os.utime("photos/cat/01.png", ns=(1, 1))
    load_images("folder(path=photos)")
    assert ["has changed since it was decoded" in line for line in caplog.messages] == [True]
    assert len(list(cache_entries())) == 1


def test_corrected_labels_decode_nothing_anew(caplog: pytest.LogCaptureFixture) -> None:
    """Labels are read at every start; pixels are kept."""
    table(lambda t: None)
    first = load_images("folder(path=photos)").train
    (entry,) = cache_entries()
    made = (entry.folder / "pixels.npy").stat().st_mtime_ns
    write_table("jsonl", [row | {"label": "old" if n else "new"} for n, row in enumerate(rows())])
    second = load_images("folder(path=photos)").train
    assert second.labels.sum() != first.labels.sum()
    assert [(e.folder / "pixels.npy").stat().st_mtime_ns for e in cache_entries()] == [made]
    with caplog.at_level(logging.WARNING):
        assert not caplog.messages
