"""Own images: what decoding costs once and every later start, and an epoch from the mapped array.

python -m benchmarks.decoding [--images 20000] [--photos FOLDER]

Decoding is timed against one pass of a torch DataLoader over torchvision's ImageFolder with two workers, an
epoch against one of the same pixels in memory, all in turns.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from benchmarks.rows import Row, at_least, at_most, compared, publish
from benchmarks.timing import Timed, alternate
from memest.data import ImageSet, load_images
from memest.grammar.once import OnceParser
from memest.loading import Loader
from memest.models import build_model
from memest.recipe import Recipe
from memest.scores import Unseen
from memest.seeding import Streams
from memest.training import train_epochs

SIZE, WORKERS, EPOCH = 64, 2, 1024
LATER = """
import json, sys, time
from memest.data import SETS, load_images
import pyarrow.parquet, PIL.Image
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 / 1e6
spec = str(SETS.parse(sys.argv[1]))
before, began = resident(), time.perf_counter()
train = load_images(spec).train
train.fingerprint, train.statistics()
json.dump([time.perf_counter() - began, resident() - before], sys.stdout)
"""


def make(root: Path, count: int) -> None:
    """JPEG files of 250 × 200 px in ten class folders: smooth noise, as photographs are."""
    rng = np.random.default_rng(0)
    for n in range(count):
        path = root / f"class{n % 10}" / f"{n:06d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        small = Image.fromarray(rng.integers(0, 256, (25, 32, 3), dtype=np.uint8))
        small.resize((250, 200), Image.Resampling.BICUBIC).save(path, quality=90)


def by_torch(root: Path) -> float:
    """Seconds of one pass of a DataLoader."""
    from torch.utils.data import DataLoader
    from torchvision import datasets, transforms

    steps = [transforms.Resize(SIZE), transforms.CenterCrop(SIZE), transforms.PILToTensor()]
    loader = DataLoader(datasets.ImageFolder(str(root), transforms.Compose(steps)), 256, num_workers=WORKERS)
    began = time.perf_counter()
    for _ in loader:
        pass
    return time.perf_counter() - began


def by_memest(root: Path) -> float:
    """Seconds until the images are ready, none of them decoded before."""
    shutil.rmtree(os.environ["MEMEST_CACHE"], ignore_errors=True)
    began = time.perf_counter()
    load_images(_spec(root))
    return time.perf_counter() - began


def later_start(root: Path) -> tuple[float, float]:
    """Seconds until images, fingerprint and statistics are there in a new process, and MB of its growth."""
    done = subprocess.run(
        [sys.executable, "-c", LATER, _spec(root)], capture_output=True, text=True, check=True
    )
    seconds, growth = json.loads(done.stdout)
    return float(seconds), float(growth)


def epoch_of(images: ImageSet) -> Timed:
    """Trains a tiny network for an epoch."""
    loader = Loader(images, images.statistics(), torch.device("cpu"))
    recipe = Recipe(epochs=1, augmentation="crop_flip")

    def run() -> float:
        network = build_model("tiny", images.channels, len(images.classes), 0, images.size)
        ends = train_epochs(network, [loader], None, recipe, Streams(0), Unseen())
        next(ends)
        began = time.perf_counter()
        next(ends)
        return time.perf_counter() - began

    return run


def _spec(root: Path) -> str:
    return f"folder(path='{root}', size={SIZE})"


def main() -> None:
    """Make the files, measure, print, write JSON."""
    parser = OnceParser(__doc__)
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--pairs", type=int, default=3, help="of decoding")
    parser.add_argument("--epochs", type=int, default=9, help="pairs of epochs")
    parser.add_argument("--photos", type=Path, help="folder for the files; kept")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = (options.photos or Path(folder) / "photos").absolute()
        os.environ["MEMEST_CACHE"] = str(Path(folder) / "cache")
        if not root.is_dir():
            make(root, options.images)
        by_torch(root)  # the page cache is warm for both
        decoding = alternate(lambda: by_memest(root), lambda: by_torch(root), options.pairs)
        starts = [later_start(root) for _ in range(3)]
        mapped = load_images(_spec(root)).train
        few = mapped.take(np.linspace(0, len(mapped) - 1, min(EPOCH, len(mapped))).astype(np.int64))
        in_memory = replace(few, images=np.asarray(few.images))
        epochs = alternate(epoch_of(in_memory), epoch_of(few), options.epochs)
    rows = [
        at_least(1, compared(f"a pass of a DataLoader with {WORKERS} workers / decoding once", decoding)),
        Row("decoding once", float(np.median(decoding.plain)), "s"),
        at_most(0.5, Row("images ready at a later start", float(np.median([s for s, _ in starts])), "s")),
        at_most(50, Row("memory growth of that", max(growth for _, growth in starts), "MB")),
        at_most(1.05, compared("an epoch from the mapped array / in memory", epochs)),
    ]
    details = {"decoding": decoding.report(), "epochs": epochs.report()}
    settings = {"images": options.images, "pixels": SIZE, "epoch": len(few), "model": "tiny"}
    publish("decoding", torch.device("cpu"), rows, settings=settings | details)


if __name__ == "__main__":
    main()
