"""A folder of small photographs and its table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from memest.data import ImageSet

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (12, 10, 10, 3), dtype=np.uint8)


def put(path: str | Path, image: Any, **options: Any) -> Path:
    """Write an array, a Pillow image or bytes as a file."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(image, bytes):
        path.write_bytes(image)
        return path
    (Image.fromarray(image) if isinstance(image, np.ndarray) else image).save(path, **options)
    return path


def photos(root: str = "photos", count: int = 12, pixels: NDArray[np.uint8] = PIXELS) -> Path:
    """Class folders of PNG files: every third is a dog, the others are cats."""
    for n in range(count):
        put(f"{root}/{'dog' if n % 3 == 0 else 'cat'}/{n:02d}.png", pixels[n])
    return Path(root)


def pixels_of(images: ImageSet) -> NDArray[np.uint8]:
    """All pixels, in memory."""
    return np.asarray(images.images)


def write_table(kind: str, rows: list[dict[str, Any]], root: str = "photos") -> None:
    """A metadata table in one of the formats of Hugging Face's imagefolder."""
    path = Path(root) / f"metadata.{kind}"
    if kind == "csv":
        lines = [",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)]
        path.write_text("\n".join(lines) + "\n")
    elif kind == "jsonl":
        path.write_text("\n".join(map(json.dumps, rows)))
    else:
        import pyarrow as pa
        from pyarrow import parquet

        parquet.write_table(pa.Table.from_pylist(rows), path)


def rows(count: int = 12) -> list[dict[str, Any]]:
    """A row for each file of `photos`, last first, with labels of their own."""
    return [
        {
            "file_name": f"{'cat' if n % 3 else 'dog'}/{n:02d}.png",
            "label": ["old", "new"][n % 2],
            "number": 900 + n,
        }
        for n in reversed(range(count))
    ]


def table(change: Any) -> None:
    """Photos with a table in which `change` altered the rows."""
    photos()
    listed = rows()
    change(listed)
    write_table("jsonl", listed)
