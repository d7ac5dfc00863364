"""Decoding: images of every kind look as they should, and work is done once whatever dies in the middle."""

from __future__ import annotations

import io
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from photos import many
from PIL import Image

from memest.data import load_images
from memest.data.decoded import Shape, UnreadableError, cache_entries
from memest.data.decoded.cache import require_room
from memest.data.decoded.pictures import decode
from memest.errors import DataError, SettingError
from memest.stages.cache import CacheConfig, cache

SIZE = 16
RGB = Shape(SIZE, "crop", "rgb")
RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def corners() -> Image.Image:
    """Red, green, blue and white quarters."""
    image = Image.new("RGB", (SIZE, SIZE), RED)
    half = SIZE // 2
    for colour, place in ((GREEN, (half, 0)), (BLUE, (0, half)), (WHITE, (half, half))):
        image.paste(colour, (*place, place[0] + half, place[1] + half))
    return image


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    """The bytes of a file."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def seen(content: bytes, shape: Shape = RGB) -> list[tuple[int, ...]]:
    """The colours in the middle of the four quarters, row by row, rounded to what lossy formats keep."""
    pixels, _ = decode(content, shape)
    near = [pixels[row, column].astype(int) for row in (4, 11) for column in (4, 11)]
    return [tuple(int(round(value / 51) * 51) for value in colour) for colour in near]


def palette() -> Image.Image:
    """The corners with a palette."""
    return corners().convert("P", palette=Image.Palette.ADAPTIVE)


KINDS = {
    "png": encoded(corners(), "PNG"),
    "palette": encoded(palette(), "PNG"),
    "cmyk": encoded(corners().convert("CMYK"), "JPEG", quality=100),
    "cmyk tiff": encoded(corners().convert("CMYK"), "TIFF"),
    "webp": encoded(corners(), "WEBP", lossless=True),
    "gif of two frames": encoded(
        palette(), "GIF", save_all=True, append_images=[Image.new("P", (SIZE, SIZE))]
    ),
    "tiff of two pages": encoded(corners(), "TIFF", save_all=True, append_images=[Image.new("RGB", (9, 9))]),
    "bmp": encoded(corners(), "BMP"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_colours_are_as_they_were(kind: str) -> None:
    """Whatever the mode and format; of several frames the first, which is counted."""
    assert seen(KINDS[kind]) == [RED, GREEN, BLUE, WHITE]
    assert decode(KINDS[kind], RGB)[1].frames == (2 if "two" in kind else 1)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_exif_flag_turns_the_image(orientation: int) -> None:
    """As numpy turns the stored pixels, by the definition of the flag; and it is counted."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encoded(corners(), "PNG", exif=exif)
    stored = np.asarray(corners())
    upright = {
        1: stored,
        2: stored[:, ::-1],
        3: stored[::-1, ::-1],
        4: stored[::-1],
        5: stored.transpose(1, 0, 2),
        6: np.rot90(stored, -1),
        7: stored[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(stored),
    }
    pixels, facts = decode(content, RGB)
    np.testing.assert_array_equal(pixels, upright[orientation])
    assert facts.rotated == (orientation > 1)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_lies_over_white(mode: str) -> None:
    """Fully transparent is white, half transparent black is grey."""
    image = Image.new("RGBA", (SIZE, SIZE), (0, 0, 0, 0))
    if mode == "P":
        content = encoded(Image.new("P", (SIZE, SIZE), 0), "PNG", transparency=0)
        assert set(seen(content)) == {WHITE}
        return
    assert set(seen(encoded(image.convert(mode), "PNG"))) == {WHITE}
    half = Image.new("RGBA", (SIZE, SIZE), (0, 0, 0, 128)).convert(mode)
    assert abs(int(decode(encoded(half, "PNG"), RGB)[0].mean()) - 127) <= 1


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled_and_never_clipped(kind: str) -> None:
    """Half of the range is half of the range."""
    ramp = np.linspace(0, 65535, SIZE * SIZE).astype(np.uint16).reshape(SIZE, SIZE)
    pixels, facts = decode(encoded(Image.fromarray(ramp), kind), Shape(SIZE, "crop", "grey"))
    np.testing.assert_allclose(pixels[..., 0], ramp / 257, atol=0.51)
    assert facts.mode.startswith("I;16")


def test_one_bit_is_black_and_white() -> None:
    """0 and 255."""
    image = Image.fromarray(np.eye(SIZE, dtype=bool))
    pixels, _ = decode(encoded(image, "PNG"), Shape(SIZE, "crop", "grey"))
    np.testing.assert_array_equal(pixels[..., 0], np.eye(SIZE) * 255)


def test_an_unknown_range_is_refused() -> None:
    """32 bits are not guessed at."""
    image = Image.fromarray(np.full((SIZE, SIZE), 0.5, np.float32))
    with pytest.raises(UnreadableError, match="unknown range"):
        decode(encoded(image, "TIFF"), RGB)


@pytest.mark.parametrize("start", [0, 7, 40, 200])
def test_a_damaged_image_is_an_error_of_its_own(start: int) -> None:
    """Bytes overwritten anywhere: pixels of the right shape, or UnreadableError, and nothing else."""
    for content in KINDS.values():
        damaged = content[:start] + bytes(20) + content[start + 20 :]
        try:
            assert decode(damaged, RGB)[0].shape == (SIZE, SIZE, 3)
        except UnreadableError as error:
            assert "\n" not in str(error)


@pytest.mark.parametrize(("fit", "left"), [("crop", WHITE), ("pad", (0, 0, 0)), ("stretch", RED)])
def test_what_is_not_square_is_cropped_padded_or_stretched(fit: Any, left: tuple[int, ...]) -> None:
    """A wide image with red ends and a white middle, at its left edge."""
    wide = Image.new("RGB", (64, 32), WHITE)
    wide.paste(RED, (0, 0, 14, 32))
    wide.paste(RED, (50, 0, 64, 32))
    pixels, facts = decode(encoded(wide, "PNG"), Shape(SIZE, fit, "rgb"))
    assert tuple(pixels[0 if fit == "pad" else 8, 0]) == left
    assert (facts.width, facts.height) == (64, 32)


def test_a_disk_without_room_says_how_much_is_needed() -> None:
    """Before anything is decoded."""
    with pytest.raises(DataError, match=r"1024 × 1024 need 3145728\.0 GB in .* GB are free; use a smaller"):
        require_room(Path("cache/key"), 10**9, Shape(1024, "crop", "rgb"))
    assert not Path("cache").exists()


def test_the_cache_is_listed_and_emptied() -> None:
    """By key or as a whole; what is deleted is decoded anew."""
    many(20)
    before = load_images("photos").train.fingerprint
    (entry,) = cache_entries()
    listed = cache(CacheConfig())
    assert entry.folder.name in listed
    assert "20 images" in listed
    with pytest.raises(SettingError, match="there is no such entry"):
        cache(CacheConfig(empty="nothing"))
    assert "deleted 1 entries" in cache(CacheConfig(empty=entry.folder.name))
    assert not list(cache_entries())
    assert load_images("photos").train.fingerprint == before
    cache(CacheConfig(empty="all"))
    assert not list(cache_entries())


def test_a_later_start_reads_no_image() -> None:
    """Not even where they are gone: only names, sizes and times are looked at."""
    many(300)
    first = load_images("photos").train
    (entry,) = cache_entries()
    made = entry.folder.stat().st_mtime_ns
    time.sleep(0.01)
    assert load_images("photos").train.fingerprint == first.fingerprint
    assert entry.folder.stat().st_mtime_ns == made
