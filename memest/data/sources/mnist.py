"""MNIST and Fashion-MNIST, from idx files already on disk or through torchvision.

The four idx files, plain or gzipped, are read wherever they lie: under the data folder, or where
Debian's `dataset-fashion-mnist` puts them.
"""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memest.data.images import ImageSet, Integers, Split
from memest.data.sources.base import SETS, data_root, downloading
from memest.errors import DataError

_GARMENTS = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Boot",
)
_PARTS = (("train", 60_000), ("t10k", 10_000))


@SETS.register
def mnist() -> Split:
    """60,000 training and 10,000 test images of 28 × 28: handwritten digits."""
    return _load("MNIST", tuple("0123456789"), "crop(padding=2)", [])


@SETS.register
def fashion_mnist() -> Split:
    """60,000 training and 10,000 test images of 28 × 28: ten kinds of garments."""
    debian = [Path("/usr/share/datasets/fashion-mnist"), Path("/usr/share/dataset-fashion-mnist")]
    return _load("FashionMNIST", _GARMENTS, "crop_flip(padding=2)", debian)


def _load(name: str, classes: tuple[str, ...], augmentation: str, elsewhere: list[Path]) -> Split:
    folders = [data_root() / name / "raw", data_root() / name, *elsewhere]
    folder = next((f for f in folders if all(_find(f, part) for part, _ in _PARTS)), None) or _download(
        name, folders
    )
    train, test = (
        ImageSet(images, labels, np.arange(count), classes, "torchvision", augmentation)
        for images, labels, count in (_part(folder, part, count) for part, count in _PARTS)
    )
    return Split(train, test)


def _download(name: str, folders: list[Path]) -> Path:
    from torchvision import datasets

    try:
        with downloading(data_root()):
            getattr(datasets, name)(data_root(), download=True)
    except (OSError, RuntimeError) as error:
        looked = ", ".join(map(str, folders))
        raise DataError(
            f"{name} cannot be had: looked in {looked} and could not download it ({type(error).__name__}); "
            f"put train-images-idx3-ubyte, train-labels-idx1-ubyte and the two t10k files, plain or .gz, "
            f"into {folders[0]}, or set MEMEST_DATA"
        ) from error
    return folders[0]


def _find(folder: Path, part: str) -> tuple[Path, Path] | None:
    found = []
    for kind in ("images-idx3-ubyte", "labels-idx1-ubyte"):
        names = [f"{part}-{kind}", f"{part}-{kind}.gz"]
        path = next((folder / name for name in names if (folder / name).is_file()), None)
        if path is None:
            return None
        found.append(path)
    return found[0], found[1]


def _part(folder: Path, part: str, count: int) -> tuple[NDArray[np.uint8], Integers, int]:
    files = _find(folder, part)
    if files is None:
        raise DataError(f"the idx files of {part} are not in {folder}")
    images, labels = _idx(files[0]), _idx(files[1]).astype(np.int64)
    if images.shape != (count, 28, 28) or labels.shape != (count,):
        raise DataError(f"{files[0]} holds {images.shape}, expected ({count}, 28, 28)")
    return images[..., None], labels, count


def _idx(path: Path) -> NDArray[Any]:
    """An array in the idx format: two zeros, a type byte (8: uint8), the rank, big-endian sizes, data."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rb") as file:
        raw = file.read()
    if raw[:3] != b"\x00\x00\x08":
        raise DataError(f"{path} is not an idx file of bytes")
    rank = raw[3]
    shape = tuple(np.frombuffer(raw, ">u4", rank, 4))
    try:
        return np.frombuffer(raw, np.uint8, offset=4 + 4 * rank).reshape(shape)
    except ValueError as error:
        raise DataError(f"{path} is cut short: its header promises {shape}") from error
