"""Small images and folders of them, for what people really have."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from memest.data import ImageSet


def png(number: int) -> bytes:
    """An encoded image, another for every number."""
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(number).integers(0, 256, (9, 9, 3), dtype=np.uint8)).save(
        buffer, "PNG"
    )
    return buffer.getvalue()


def put(*names: str, root: str = "photos") -> None:
    """Image files of these names."""
    for number, name in enumerate(names):
        path = Path(root) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(number))


def names_of(images: ImageSet) -> list[str]:
    """Their names."""
    return [] if images.names is None else images.names.tolist()


TWO = ("cat/a.png", "dog/b.png")


def table(text: str | bytes, *names: str) -> None:
    """Photos with a metadata.csv of this text."""
    put(*(names or ("a.png", "b.png", "c.png")))
    Path("photos/metadata.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
