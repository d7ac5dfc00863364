"""Image sets: fingerprint, statistics, and what cannot be one."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from small_sets import draw

from memest.errors import DataError


def test_the_fingerprint_hashes_classes_ids_labels_and_images() -> None:
    """Equal sets have equal fingerprints whatever their memory layout; one changed value changes it."""
    images = draw()
    witness = hashlib.sha256(json.dumps(images.classes).encode())
    for array, kind in ((images.ids, "<i8"), (images.labels, "<i8"), (images.images, "|u1")):
        witness.update(f"{kind}{array.shape}".encode() + array.tobytes())
    assert images.fingerprint == witness.hexdigest()
    assert replace(images, images=np.asfortranarray(images.images)).fingerprint == images.fingerprint

    pixels, labels, ids = images.images.copy(), images.labels.copy(), images.ids.copy()
    pixels[3, 2, 1, 0] ^= 1
    labels[3] = (labels[3] + 1) % 10
    ids[3] = 1
    changed = [replace(images, images=pixels), replace(images, labels=labels), replace(images, ids=ids)]
    turned = images.take(np.roll(np.arange(len(images)), 1))
    named = replace(images, classes=(*images.classes, "another"))
    assert len({s.fingerprint for s in [images, turned, named, *changed]}) == 6


@pytest.mark.parametrize("channels", [1, 3])
def test_statistics_are_those_of_the_scaled_pixels(channels: int) -> None:
    """Mean and deviation of each channel, against numpy; a constant channel is not blown up."""
    images = draw(channels=channels)
    images.images[..., -1] //= 3
    mean, deviation = images.statistics()
    scaled = images.images.astype(np.float64) / 255
    np.testing.assert_allclose(mean, scaled.mean((0, 1, 2)), rtol=1e-6)
    np.testing.assert_allclose(deviation, scaled.std((0, 1, 2)), rtol=1e-6)
    images.images[..., 0] = 77
    assert images.statistics()[1][0] == 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"images": np.zeros((40, 8, 8, 1))}, "must be uint8"),
        ({"images": np.zeros((40, 8, 8), np.uint8)}, "must be uint8 of shape"),
        ({"images": np.zeros((40, 3, 32, 32), np.uint8)}, "1 or 3 channels"),
        ({"images": np.zeros((40, 7, 8, 1), np.uint8)}, "at least 8"),
        ({"images": np.zeros((39, 8, 8, 1), np.uint8)}, "39 images need as many labels and ids"),
        ({"labels": np.zeros((40, 1), np.int64)}, "as many labels"),
        ({"labels": np.zeros(40, np.int32)}, "must be int64, not int32"),
        ({"labels": np.full(40, 10)}, r"lie in 0…9 \(10 classes\); example \d+ has 10"),
        ({"labels": np.full(40, -1)}, "has -1"),
        ({"ids": np.zeros(40, np.int64)}, "unique"),
        ({"ids": np.arange(40) - 1}, "must not be negative, and one is -"),
    ],
)
def test_an_image_set_that_cannot_be_is_refused(changes: dict[str, Any], words: str) -> None:
    """Shapes, types, ids and labels are checked once, where the set is made."""
    with pytest.raises(DataError, match=words):
        replace(draw(), **changes)
