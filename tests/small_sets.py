"""Small image sets that tests draw or write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from memest.data import ImageSet


def draw(count: int = 40, classes: int = 10, size: int = 8, channels: int = 1, seed: int = 0) -> ImageSet:
    """Noise with labels, and ids that are neither sorted nor positions."""
    rng = np.random.default_rng(seed)
    return ImageSet(
        images=rng.integers(0, 256, (count, size, size, channels), dtype=np.uint8),
        labels=rng.permutation(np.arange(count) % classes),
        ids=rng.permutation(count) * 3 + 5,
        classes=tuple(f"class {k}" for k in range(classes)),
        order="drawn",
    )


def write_npz(path: Path, **changes: Any) -> str:
    """The spec of an .npz file of 20 images in 3 classes; a change to None leaves the array out."""
    images = draw(20, classes=3)
    arrays = {"images": images.images, "labels": images.labels, "ids": images.ids} | changes
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})
    return f"npz(path={path})"
