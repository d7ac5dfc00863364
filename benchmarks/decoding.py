"""What decoding costs once and every later start, beside a torch DataLoader over torchvision's ImageFolder.

python -m benchmarks.decoding 20000
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from memest.data import load_images

_SIZE = 64


def make(root: Path, count: int) -> None:
    """JPEG files of 250 × 200 px in ten class folders: smooth noise, as photographs are."""
    rng = np.random.default_rng(0)
    for n in range(count):
        path = root / f"class{n % 10}" / f"{n:06d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        small = Image.fromarray(rng.integers(0, 256, (25, 32, 3), dtype=np.uint8))
        small.resize((250, 200), Image.Resampling.BICUBIC).save(path, quality=90)


def by_torch(root: Path) -> float:
    """Seconds of one pass of a DataLoader with two workers."""
    from torch.utils.data import DataLoader
    from torchvision import datasets, transforms

    steps = [transforms.Resize(_SIZE), transforms.CenterCrop(_SIZE), transforms.PILToTensor()]
    loader = DataLoader(datasets.ImageFolder(str(root), transforms.Compose(steps)), 256, num_workers=2)
    began = time.perf_counter()
    for _ in loader:
        pass
    return time.perf_counter() - began


def by_memest(root: Path) -> float:
    """Seconds until the images are ready."""
    began = time.perf_counter()
    load_images(f"folder(path='{root}', size={_SIZE})")
    return time.perf_counter() - began


def main() -> None:
    """Print seconds and ratios."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "photos"
        os.environ["MEMEST_CACHE"] = str(Path(folder) / "cache")
        make(root, count)
        once, later, torch = by_memest(root), by_memest(root), by_torch(root)
        print(f"{count} images: decoded in {once:.2f} s, later start {later:.3f} s, DataLoader {torch:.2f} s")
        print(f"decoding is {torch / once:.2f} times as fast as the DataLoader")


if __name__ == "__main__":
    main()
