"""Labelled images with an identity: what every part of memest passes around.

Axes: N examples, H height, W width, C channels.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memest.data.mapped import Images, MappedImages, chosen
from memest.errors import DataError
from memest.ids import Ids

Integers = NDArray[np.int64]
Names = NDArray[Any]
"""Text in an array of numpy's `StringDType`."""


@dataclass(frozen=True)
class ImageSet:
    """Images, labels and the ids by which everything about them is joined.

    Attributes:
        images: (N, H, W, C) uint8, in memory or on disk.
        labels: (N,) int64, positions in `classes`.
        ids: (N,) int64, unique and not negative; they follow the numbering named by `order`.
        classes: class names.
        order: whose numbering the ids follow, such as `torchvision`.
        augmentation: the augmentation spec that leaves these images' labels true.
        names: (N,) text, unique, such as file names; None: the images have none.

    Raises:
        DataError: arrays of the wrong shape or type, repeated ids, labels outside the classes.
    """

    images: Images
    labels: Integers
    ids: Integers
    classes: tuple[str, ...]
    order: str
    augmentation: str = "none"
    names: Names | None = None

    def __post_init__(self) -> None:
        _check(self)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def channels(self) -> int:
        """C, the number of colour channels."""
        return int(self.images.shape[3])

    @property
    def size(self) -> int:
        """H, the height in pixels."""
        return int(self.images.shape[1])

    @cached_property
    def occurring(self) -> Integers:
        """The classes that at least one example has, sorted, (K',)."""
        return np.unique(self.labels)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256, in hex, over classes, ids, labels and images with their shapes.

        Of images on disk it covers their shape and the hash of each, which was computed when they were put
        there.
        """
        content = hashlib.sha256(json.dumps(self.classes).encode())
        pixels = self.images
        if isinstance(pixels, MappedImages):
            content.update(f"hashes of {pixels.shape}".encode())
            pixels = pixels.content()
        for array in (self.ids, self.labels, pixels):
            content.update(f"{array.dtype.str}{array.shape}".encode())
            content.update(np.ascontiguousarray(array).data)
        return content.hexdigest()

    def take(self, positions: Integers) -> ImageSet:
        """The examples at `positions`, in that order, ids and names along with them."""
        return replace(
            self,
            images=chosen(self.images, positions),
            labels=self.labels[positions],
            ids=self.ids[positions],
            names=None if self.names is None else self.names[positions],
        )

    def statistics(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Mean and standard deviation of each channel, (C,) each, of pixels scaled to [0, 1].

        Taken from sums of whole numbers, so they do not depend on summation order. A channel that never
        varies gets a deviation of 1.
        """
        mean, square = _moments(self.images)
        deviation = np.sqrt(np.maximum(square - mean**2, 0))
        deviation[deviation < 1e-6] = 1
        return mean.astype(np.float32), deviation.astype(np.float32)


def _moments(images: Images) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean of the pixels and of their squares by channel, (C,) each; by histograms of the 256 values."""
    if isinstance(images, MappedImages):
        return images.channel_moments()
    counts = np.stack([np.bincount(images[..., c].ravel(), minlength=256) for c in range(images.shape[3])])
    values = np.arange(256) / 255
    return counts @ values / counts.sum(1), counts @ values**2 / counts.sum(1)


@dataclass(frozen=True)
class Split:
    """A training set, whose examples are scored, and the test set that measures generalisation.

    Attributes:
        train: what is trained on and scored.
        test: None where there is none; what is measured on it is then left out.
        left_out: what the source holds and the sets do not, by name, with the reason.

    Raises:
        DataError: the two differ in image shape or classes.
    """

    train: ImageSet
    test: ImageSet | None
    left_out: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.test is None:
            return
        shapes = self.train.images.shape[1:], self.test.images.shape[1:]
        if shapes[0] != shapes[1] or self.train.classes != self.test.classes:
            raise DataError(
                f"training and test images must have one shape and the same classes, not {shapes[0]} with "
                f"{len(self.train.classes)} classes and {shapes[1]} with {len(self.test.classes)}"
            )


def _check(s: ImageSet) -> None:
    if s.images.dtype != np.uint8 or s.images.ndim != 4:
        raise DataError(
            f"images must be uint8 of shape (N, H, W, C), not {s.images.dtype} of shape {s.images.shape}"
        )
    if s.images.shape[3] not in (1, 3) or min(s.images.shape[1:3]) < 8:
        raise DataError(
            f"images must have 1 or 3 channels (last axis) and be at least 8 × 8, not {s.images.shape}"
        )
    if s.labels.shape != (len(s.images),) or s.ids.shape != (len(s.images),):
        raise DataError(
            f"{len(s.images)} images need as many labels and ids, not {s.labels.shape} and {s.ids.shape}"
        )
    if len(s.images) == 0:
        raise DataError("an image set needs at least one example, and there are none")
    if s.names is not None and s.names.shape != s.ids.shape:
        raise DataError(f"{len(s.images)} images need as many names, not {s.names.shape}")
    if s.labels.dtype != np.int64 or s.ids.dtype != np.int64:
        raise DataError(f"labels and ids must be int64, not {s.labels.dtype} and {s.ids.dtype}")
    if s.ids.min() < 0:
        raise DataError(f"ids must not be negative, and one is {s.ids.min()}; leave them out to count from 0")
    Ids(s.ids, f"the image set in the order of {s.order}")  # refuses an id that is there twice
    if len(set(s.classes)) != len(s.classes):
        raise DataError(f"classes need names of their own, not {s.classes}")
    if s.labels.min() < 0 or s.labels.max() >= len(s.classes):
        wrong = int(np.flatnonzero((s.labels < 0) | (s.labels >= len(s.classes)))[0])
        raise DataError(
            f"labels must lie in 0…{len(s.classes) - 1} ({len(s.classes)} classes); "
            f"example {s.ids[wrong]} has {s.labels[wrong]}"
        )
