"""One of every odd image that people have: a folder of two classes, and a sheet to look at it.

python tests/odd_images.py FOLDER     write it, and FOLDER.png of what memest reads

Every picture shows the same: red, green, blue and white quarters, red at the upper left.
"""

from __future__ import annotations

import io
import struct
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

SIZE = 48
RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
GREYS = (0, 85, 170, 255)
"""Of the quarters of pictures without colour."""


def quarters(mode: str = "RGB", width: int = SIZE, height: int = SIZE) -> Image.Image:
    """Red, green, blue and white; in grey modes black, dark, light and white."""
    colours: Any = GREYS if mode in ("L", "1") else (RED, GREEN, BLUE, WHITE)
    image = Image.new(mode, (width, height), colours[0])
    half, middle = width // 2, height // 2
    for colour, box in zip(
        colours[1:],
        ((half, 0, width, middle), (0, middle, half, height), (half, middle, width, height)),
        strict=True,
    ):
        image.paste(colour, box)
    return image


def bytes_of(image: Image.Image, kind: str, **options: Any) -> bytes:
    """The bytes of a file."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def seen_through(mode: str) -> Image.Image:
    """Quarters whose white one is transparent black: over white it is white again."""
    image = quarters().convert("RGBA")
    image.paste((0, 0, 0, 0), (SIZE // 2, SIZE // 2, SIZE, SIZE))
    return image.convert(mode)


def turned(flag: int, kind: str = "JPEG") -> bytes:
    """Quarters stored turned, with the EXIF flag that turns them back."""
    back = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    exif = Image.Exif()
    exif[0x0112] = flag
    options = {"quality": 95, "subsampling": 0} if kind == "JPEG" else {}
    return bytes_of(quarters().transpose(back[flag]), kind, exif=exif, **options)


def palette() -> Image.Image:
    """Quarters with a palette."""
    return quarters().convert("P", palette=Image.Palette.ADAPTIVE)


def palette_seen_through() -> bytes:
    """Quarters with a palette, of which one colour is transparent."""
    image = seen_through("RGBA").quantize(8)
    return bytes_of(image, "PNG")


def sixteen_bits(kind: str) -> bytes:
    """Grey quarters over the whole range of 16 bits."""
    wide = np.asarray(quarters("L")).astype(np.uint16) * 257
    return bytes_of(Image.fromarray(wide), kind)


def deep_png(mode: str) -> bytes:
    """Quarters as a PNG of 16 bits a channel, which Pillow reads and cannot write."""
    image = quarters("L").convert(mode) if mode == "LA" else seen_through("RGBA").convert(mode)
    if mode == "RGB":
        image = quarters()
    wide = (np.asarray(image).astype(np.uint16) * 256 + 7).astype(">u2")
    lines = b"".join(b"\0" + line.tobytes() for line in wide)
    kind = {"RGB": 2, "LA": 4, "RGBA": 6}[mode]
    header = struct.pack(">IIBBBBB", SIZE, SIZE, 16, kind, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(lines)), (b"IEND", b""))
    body = [
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


def with_more(kind: str, **options: Any) -> bytes:
    """Quarters, followed by two frames or pages that are black."""
    first = palette() if kind == "GIF" else quarters()
    black = Image.new(first.mode, (SIZE, SIZE))
    return bytes_of(first, kind, save_all=True, append_images=[black, black], **options)


COLOURED: dict[str, bytes] = {
    "plain.png": bytes_of(quarters(), "PNG"),
    "plain.jpg": bytes_of(quarters(), "JPEG", quality=95, subsampling=0),
    "plain.bmp": bytes_of(quarters(), "BMP"),
    "progressive.jpeg": bytes_of(quarters(), "JPEG", quality=95, subsampling=0, progressive=True),
    **{f"exif-{flag}.jpg": turned(flag) for flag in range(2, 9)},
    "exif-6.png": turned(6, "PNG"),
    "exif-8.webp": turned(8, "WEBP"),
    "palette.png": bytes_of(palette(), "PNG"),
    "palette-transparent.png": palette_seen_through(),
    "rgba.png": bytes_of(seen_through("RGBA"), "PNG"),
    "rgba.webp": bytes_of(seen_through("RGBA"), "WEBP", lossless=True),
    "rgba.tiff": bytes_of(seen_through("RGBA"), "TIFF"),
    "cmyk.jpg": bytes_of(quarters().convert("CMYK"), "JPEG", quality=95, subsampling=0),
    "cmyk.tif": bytes_of(quarters().convert("CMYK"), "TIFF"),
    "ycbcr.tif": bytes_of(quarters().convert("YCbCr"), "TIFF"),
    "lossless.webp": bytes_of(quarters(), "WEBP", lossless=True),
    "still.gif": bytes_of(palette(), "GIF"),
    "animated.gif": with_more("GIF", duration=100),
    "animated.webp": with_more("WEBP", duration=100, lossless=True),
    "animated.png": with_more("PNG"),
    "pages.tiff": with_more("TIFF"),
    "deep.png": deep_png("RGB"),
    "deep-transparent.png": deep_png("RGBA"),
    "jpeg-2000.jp2": bytes_of(quarters(), "JPEG2000"),
    "a png called.jpg": bytes_of(quarters(), "PNG"),
    "wide.png": bytes_of(quarters(width=2 * SIZE), "PNG"),
    "tall.jpg": bytes_of(quarters(height=3 * SIZE), "JPEG", quality=95, subsampling=0),
    "large.jpg": bytes_of(quarters(width=20 * SIZE, height=20 * SIZE), "JPEG", quality=95, subsampling=0),
    "small.png": bytes_of(quarters(width=6, height=6), "PNG"),
}
"""What reads as the coloured quarters."""

GREY: dict[str, bytes] = {
    "grey.png": bytes_of(quarters("L"), "PNG"),
    "grey.jpg": bytes_of(quarters("L"), "JPEG", quality=95),
    "grey-alpha.png": bytes_of(quarters("L").convert("LA"), "PNG"),
    "sixteen-bits.png": sixteen_bits("PNG"),
    "sixteen-bits.tif": sixteen_bits("TIFF"),
}
"""What reads as the grey quarters."""

GREY_IN_COLOUR: dict[str, bytes] = {"deep-grey.png": deep_png("LA")}
"""What reads as the grey quarters, and is in colour to Pillow."""

ONE_BIT: dict[str, bytes] = {
    "one-bit.png": bytes_of(quarters("L").point(lambda v: 255 * (v > 100), "1"), "PNG"),
    "one-bit.tif": bytes_of(
        quarters("L").point(lambda v: 255 * (v > 100), "1"), "TIFF", compression="group4"
    ),
}
"""What reads as a black upper and a white lower half."""

BAD: dict[str, tuple[bytes, str]] = {
    "cut.jpg": (bytes_of(quarters(width=400, height=400), "JPEG", quality=95)[:-900], "truncated"),
    "cut.png": (bytes_of(quarters(width=400, height=400), "PNG")[:200], "truncated"),
    "empty.jpg": (b"", "an empty file"),
    "a page called.jpg": (b"<!DOCTYPE html><html>404</html>", "not an image"),
    "notes.txt": (b"one of these is not like the others", "not an image"),
    "float.tif": (bytes_of(Image.new("F", (SIZE, SIZE), 0.5), "TIFF"), "32 bits of unknown range"),
    "pointer.png": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "git lfs pull"),
}
"""What cannot be read, and words of the reason."""


def write(root: Path) -> None:
    """Class folders `colour` and `grey`, and in `colour` those that cannot be read as well."""
    files = {f"colour/{name}": content for name, content in COLOURED.items()}
    files |= {f"grey/{name}": content for name, content in (GREY | GREY_IN_COLOUR | ONE_BIT).items()}
    files |= {f"colour/{name}": content for name, (content, _) in BAD.items()}
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)


def contact_sheet(images: Any, names: list[str], columns: int = 8) -> Image.Image:
    """All images, (N, S, S, 3) uint8, each above its name."""
    tile, line = 120, 16
    rows = -(-len(names) // columns)
    sheet = Image.new("RGB", (columns * tile, rows * (tile + line)), (120, 120, 120))
    draw = ImageDraw.Draw(sheet)
    for place, name in enumerate(names):
        left, top = place % columns * tile, place // columns * (tile + line)
        picture = Image.fromarray(np.asarray(images[place])).resize(
            (tile - 8, tile - 8), Image.Resampling.NEAREST
        )
        sheet.paste(picture, (left + 4, top + 4))
        draw.text((left + 4, top + tile - 2), name[:20], fill=WHITE)
    return sheet


def main() -> None:
    """Write the folder named on the command line and a sheet of what is read."""
    from memest.data import load_images

    root = Path(sys.argv[1])
    write(root)
    train = load_images(f"folder(path='{root}', on_error=skip, size={SIZE})").train
    assert train.names is not None
    contact_sheet(np.asarray(train.images), train.names.tolist()).save(root.with_suffix(".png"))


if __name__ == "__main__":
    main()
