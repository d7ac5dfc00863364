"""Folders of image files for a test."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def many(count: int = 700) -> NDArray[np.uint8]:
    """Class folders of so many PNG files, more than one process decodes at a time; their pixels in order."""
    pixels = np.random.default_rng(0).integers(0, 256, (count, 8, 8), dtype=np.uint8)
    for n, image in enumerate(pixels):
        path = Path("photos") / "ab"[n >= count // 2] / f"{n:04d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    return pixels
