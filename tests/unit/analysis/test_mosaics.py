"""CIFAR-100 out of lossless mosaics: every pixel where it was, and files that are none refused."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from analysis.cifar100 import convert
from memest.data import load_images
from memest.errors import DataError


def mosaics(path: Path, images: np.ndarray, **arrays: np.ndarray) -> None:
    """Write images (16 k, 32, 32, 3) as mosaics, pasted one by one."""
    content, offsets = b"", [0]
    for start in range(0, len(images), 16):
        whole = Image.new("RGB", (128, 128))
        for place, image in enumerate(images[start : start + 16]):
            whole.paste(Image.fromarray(image), (32 * (place % 4), 32 * (place // 4)))
        buffer = io.BytesIO()
        whole.save(buffer, "WEBP", lossless=True)
        content += buffer.getvalue()
        offsets.append(len(content))
    np.savez(path, webp=np.frombuffer(content, np.uint8), offsets=np.array(offsets), **arrays)


def test_every_image_is_in_its_place() -> None:
    """Images, labels, test set and class names are those that were packed, read by memest's own source."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (48, 32, 32, 3), np.uint8)
    labels = rng.integers(0, 2, 40)
    names = np.array(["apple", "whale"])
    mosaics(Path("cifar100_train.npz"), images, fine=labels.astype(np.int16))
    mosaics(Path("cifar100_test.npz"), images[:16], fine=labels[:16].astype(np.int16), classes=names)
    assert convert(Path(), Path("whole.npz")) == (40, 16)
    split = load_images("npz(path=whole.npz)")
    np.testing.assert_array_equal(split.train.images, images[:40])
    np.testing.assert_array_equal(split.train.labels, labels)
    assert split.test is not None
    np.testing.assert_array_equal(split.test.images, images[:16])
    assert split.train.classes == ("apple", "whale")


def test_other_files_are_refused() -> None:
    """A folder without them, and a file with other arrays."""
    with pytest.raises(DataError, match=r"cifar100_train\.npz"):
        convert(Path(), Path("whole.npz"))
    np.savez("cifar100_train.npz", images=np.zeros(3))
    with pytest.raises(DataError, match="has no fine, offsets, webp"):
        convert(Path(), Path("whole.npz"))
