"""CIFAR-10 and CIFAR-100, through torchvision, in the order of the original files."""

from __future__ import annotations

from typing import Any

import numpy as np

from memest.data.images import ImageSet, Split
from memest.data.sources.base import SETS, data_root, downloading
from memest.errors import DataError


@SETS.register
def cifar10() -> Split:
    """50,000 training and 10,000 test images of 32 × 32 in 10 classes."""
    return _cifar("CIFAR10", "cifar-10-batches-py", "cifar-10-python.tar.gz")


@SETS.register
def cifar100() -> Split:
    """50,000 training and 10,000 test images of 32 × 32 in 100 fine classes."""
    return _cifar("CIFAR100", "cifar-100-python", "cifar-100-python.tar.gz")


def _cifar(name: str, folder: str, archive: str) -> Split:
    from torchvision import datasets

    root = data_root()
    kind = getattr(datasets, name)
    try:
        if not (root / folder).is_dir():
            with downloading(root):
                kind(root, download=True)
        train, test = (kind(root, train=part) for part in (True, False))
    except (OSError, RuntimeError) as error:
        raise DataError(
            f"{name} cannot be had: looked for {root / folder} and could not download it "
            f"({type(error).__name__}); put {archive}, unpacked, under {root}, or set MEMEST_DATA to the "
            "folder that holds it"
        ) from error
    return Split(_images(train), _images(test))


def _images(dataset: Any) -> ImageSet:
    return ImageSet(
        images=np.ascontiguousarray(dataset.data),
        labels=np.asarray(dataset.targets, np.int64),
        ids=np.arange(len(dataset.targets)),
        classes=tuple(dataset.classes),
        order="torchvision",
        augmentation="crop_flip",
    )
