"""Pictures of examples as WebP in base64, as many as there is room for.

Axes: H height, W width, C channels.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from memest.data import ImageSet

LARGE, SMALL = 96, 64
"""Pixels of the longer side: the first where all pictures fit, else the second. None is made larger."""
_TINY = 16
_TRIED, _CHUNK = 16, 256


def thumbnail(pixels_HWC: NDArray[np.uint8], side: int) -> str:
    """One picture, its longer side at most `side` pixels."""
    from PIL import Image

    image = Image.fromarray(pixels_HWC[..., 0] if pixels_HWC.shape[2] == 1 else pixels_HWC).convert("RGB")
    image.thumbnail((side, side))
    content = io.BytesIO()
    image.save(content, "WEBP", quality=80, method=3, lossless=max(image.size) <= _TINY)
    return base64.b64encode(content.getvalue()).decode()


def thumbnails(images: ImageSet, places: Sequence[int], room: int) -> list[str]:
    """Pictures of the examples at `places`, in that order, until `room` characters are filled."""
    side = _side(images, places, room)
    made: list[str] = []
    for start in range(0, len(places), _CHUNK):
        for pixels in images.images[np.asarray(places[start : start + _CHUNK], np.int64)]:
            text = thumbnail(pixels, side)
            room -= len(text)
            if room < 0:
                return made
            made.append(text)
    return made


def _side(images: ImageSet, places: Sequence[int], room: int) -> int:
    """The larger side, where a look at some says that all pictures fit."""
    spread = np.unique(np.linspace(0, len(places) - 1, min(len(places), _TRIED)).astype(int))
    tried = images.images[np.asarray(places, np.int64)[spread]]
    size = sum(len(thumbnail(pixels, LARGE)) for pixels in tried) / max(1, len(tried))
    return LARGE if size * len(places) <= room else SMALL
