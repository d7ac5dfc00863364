"""Copies made of images on purpose, to measure which ones are found. Axes: n images, H, W, C."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Change = Callable[[Image, np.random.Generator], Image]


def compressed(image: Image, rng: np.random.Generator) -> Image:
    """Saved as a JPEG of quality 50 to 90 and read back, (H, W, C)."""
    from PIL import Image as Pillow

    buffer = io.BytesIO()
    _picture(image).save(buffer, "JPEG", quality=int(rng.integers(50, 91)))
    return _pixels(Pillow.open(buffer), image)


def cropped(image: Image, rng: np.random.Generator) -> Image:
    """A cut-out of 85 to 95 % of the sides, both cut alike, enlarged to the whole, (H, W, C)."""
    share = rng.uniform(0.85, 0.95)
    height, width = (max(1, round(side * share)) for side in image.shape[:2])
    top, left = rng.integers(image.shape[0] - height + 1), rng.integers(image.shape[1] - width + 1)
    cut = image[top : top + height, left : left + width]
    return _pixels(_picture(cut).resize((image.shape[1], image.shape[0]), 3), image)


def shifted(image: Image, rng: np.random.Generator) -> Image:
    """Moved by up to a sixteenth of its sides, at least one pixel; the border is repeated, (H, W, C)."""
    down = max(1, image.shape[0] // 16) * int(rng.choice((-1, 1)))
    across = int(rng.integers(-max(1, image.shape[1] // 16), max(1, image.shape[1] // 16) + 1))
    rows = (np.arange(image.shape[0]) - down).clip(0, image.shape[0] - 1)
    columns = (np.arange(image.shape[1]) - across).clip(0, image.shape[1] - 1)
    return np.asarray(image[rows][:, columns])


def brightened(image: Image, rng: np.random.Generator) -> Image:
    """Contrast times .7 to 1.3 and up to 20 levels darker or lighter, (H, W, C)."""
    changed = image * rng.uniform(0.7, 1.3) + rng.uniform(-20, 20)
    return changed.round().clip(0, 255).astype(np.uint8)


def mirrored(image: Image, rng: np.random.Generator) -> Image:
    """Left and right exchanged, (H, W, C)."""
    return np.asarray(image[:, ::-1])


KINDS: Mapping[str, Change] = MappingProxyType(
    {
        "compressed": compressed,
        "brightened": brightened,
        "mirrored": mirrored,
        "shifted": shifted,
        "cropped": cropped,
    }
)
"""How copies differ from their originals."""


def copies(images_nHWC: Image, kind: str, rng: np.random.Generator) -> Image:
    """A copy of each image, (n, H, W, C)."""
    return np.stack([KINDS[kind](image, rng) for image in images_nHWC])


def _picture(image: Image) -> Any:
    from PIL import Image as Pillow

    return Pillow.fromarray(np.ascontiguousarray(image[..., 0] if image.shape[2] == 1 else image))


def _pixels(picture: Any, like: Image) -> Image:
    """The pixels of a picture, with as many channels as another image."""
    return np.asarray(picture, np.uint8).reshape(*picture.size[::-1], like.shape[2])
