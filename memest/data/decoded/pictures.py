"""One encoded image as uint8 pixels of a given size: turned upright, over white, scaled and never clipped."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from memest.errors import DataError

if TYPE_CHECKING:
    from PIL.Image import Image

Fit = Literal["crop", "pad", "stretch"]
Color = Literal["auto", "rgb", "grey"]
GREY = frozenset({"1", "L", "LA", "La", "I;16", "I;16B", "I;16L", "I;16N"})
"""Pillow's modes of images without colour."""
_ORIENTATION = 0x0112
_WHITE = 255
_MOST_PIXELS = 2**29


@dataclass(frozen=True)
class Shape:
    """What every image is made into.

    Attributes:
        size: height and width in pixels.
        fit: `crop` the middle, `pad` with black, or `stretch`, where an image is not square.
        color: `rgb` or `grey`.
    """

    size: int
    fit: Fit
    color: Literal["rgb", "grey"]

    @property
    def channels(self) -> int:
        """3 or 1."""
        return 3 if self.color == "rgb" else 1


@dataclass(frozen=True)
class Facts:
    """What an image was as stored: its size, Pillow's mode and format, whether EXIF turns it, its frames."""

    width: int
    height: int
    mode: str
    format: str
    rotated: bool
    frames: int


class UnreadableError(DataError):
    """Bytes that are no image, or a damaged one; the message is the reason alone."""


def image_facts(content: bytes) -> Facts:
    """What an image says of itself; its pixels are not decoded.

    Raises:
        UnreadableError: it is none that Pillow opens.
    """
    with _opened(content) as image:
        return _facts(image)


def decode(content: bytes, shape: Shape) -> tuple[NDArray[np.uint8], Facts]:
    """The pixels of an image, (size, size, C); of several frames the first.

    Raises:
        UnreadableError: it is no image, damaged, or of a mode whose range is unknown.
    """
    with _opened(content) as image:
        facts = _facts(image)
        return _pixels(image, shape, facts), facts


def _opened(content: bytes) -> Image:
    from PIL import Image, UnidentifiedImageError

    if not content:
        raise UnreadableError("an empty file")
    if content.startswith(b"version https://git-lfs"):
        raise UnreadableError("a pointer of Git LFS, not the file itself; fetch it with `git lfs pull`")
    Image.MAX_IMAGE_PIXELS = _MOST_PIXELS
    try:
        with warnings.catch_warnings(action="ignore"):
            return Image.open(io.BytesIO(content))
    except UnidentifiedImageError:
        raise UnreadableError("not an image that Pillow reads") from None
    except _failures() as error:
        raise UnreadableError(_reason(error)) from error


def _facts(image: Image) -> Facts:
    try:
        with warnings.catch_warnings(action="ignore"):
            rotated = image.getexif().get(_ORIENTATION, 1) in range(2, 9)
    except _failures():  # a damaged note beside sound pixels
        rotated = False
    try:
        frames = int(getattr(image, "n_frames", 1))
    except _failures():  # later frames are damaged; only the first is read
        frames = 1
    return Facts(image.width, image.height, image.mode, image.format or "", rotated, frames)


def _pixels(image: Image, shape: Shape, facts: Facts) -> NDArray[np.uint8]:
    from PIL import ImageOps

    try:
        with warnings.catch_warnings(action="ignore"):
            image.seek(0)
            if facts.mode in ("L", "RGB") and min(image.size) >= shape.size:
                image.draft(
                    facts.mode, _least(image.size, shape)
                )  # a JPEG is decoded at a half, a quarter, …
            image.load()
            upright = ImageOps.exif_transpose(image) if facts.rotated else image
            fitted = _fitted(_plain(upright, shape.color), shape)
    except UnreadableError:
        raise
    except _failures() as error:
        raise UnreadableError(_reason(error)) from error
    return np.asarray(fitted, np.uint8).reshape(shape.size, shape.size, shape.channels)


def _least(size: tuple[int, int], shape: Shape) -> tuple[int, int]:
    """The smallest size to decode at that still has the pixels asked for."""
    share = shape.size / (max(size) if shape.fit == "pad" else min(size))
    return int(np.ceil(size[0] * share)), int(np.ceil(size[1] * share))


def _plain(image: Image, color: Literal["rgb", "grey"]) -> Image:
    """The image in 8-bit RGB or grey; what is transparent lies over white."""
    from PIL import Image as Pillow

    if image.mode.startswith("I;16"):
        wide = np.asarray(image).astype(np.uint32)
        image = Pillow.fromarray(((wide * 255 + 32767) // 65535).astype(np.uint8))
    if image.mode in ("I", "F"):
        raise UnreadableError(f"mode {image.mode}, 32 bits of unknown range; scale it to 8 or 16 bits")
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        over = image.convert("RGBA")
        image = Pillow.new("RGBA", image.size, (_WHITE,) * 4)
        image.alpha_composite(over)
    return image.convert("RGB" if color == "rgb" else "L")


def _fitted(image: Image, shape: Shape) -> Image:
    from PIL import Image as Pillow

    if image.size == (shape.size, shape.size):
        return image
    width, height = image.size
    target, box = (shape.size, shape.size), (0.0, 0.0, float(width), float(height))
    if shape.fit == "crop":
        side = min(width, height)
        left, top = (width - side) / 2, (height - side) / 2
        box = (left, top, left + side, top + side)
    elif shape.fit == "pad":
        scale = shape.size / max(width, height)
        target = max(1, round(width * scale)), max(1, round(height * scale))
    resized = image.resize(target, Pillow.Resampling.BILINEAR, box)
    if target == (shape.size, shape.size):
        return resized
    whole = Pillow.new(resized.mode, (shape.size, shape.size))
    whole.paste(resized, ((shape.size - target[0]) // 2, (shape.size - target[1]) // 2))
    return whole


def _failures() -> tuple[type[Exception], ...]:
    """What Pillow raises for damaged bytes, depending on the format and the place of the damage."""
    import struct
    import zlib

    from PIL import Image

    return (
        OSError,
        SyntaxError,
        ValueError,
        TypeError,
        EOFError,
        LookupError,
        OverflowError,
        MemoryError,
        NotImplementedError,
        RuntimeError,
        AttributeError,
        struct.error,
        zlib.error,
        Image.DecompressionBombError,
    )


def format_named(name: str) -> str:
    """The format that a file's name promises, in Pillow's words; empty where its ending says nothing."""
    from PIL import Image

    found: str = Image.registered_extensions().get(PurePosixPath(name).suffix.lower(), "")
    return found


def _reason(error: Exception) -> str:
    """One line; Pillow's own words for an image that is cut short are kept."""
    return next(iter(str(error).splitlines()), "") or type(error).__name__
