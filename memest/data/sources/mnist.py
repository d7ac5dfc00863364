"""MNIST and Fashion-MNIST, from idx files already on disk or through torchvision.

The four idx files, plain or gzipped, are read wherever they lie: under the data folder, or where
Debian's `dataset-fashion-mnist` puts them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from memest.data.images import ImageSet, Integers, Split
from memest.data.sources.base import SETS, data_root, downloading
from memest.data.sources.idx import read_idx
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
_KINDS = ("images-idx3-ubyte", "labels-idx1-ubyte")


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
    folder = next((f for f in folders if all(_find(f, part) for part, _ in _PARTS)), None)
    if folder is None:
        _refuse_half(name, folders)
        folder = _download(name, folders)
    train, test = (
        ImageSet(images, labels, np.arange(count), classes, "torchvision", augmentation)
        for images, labels, count in (_part(folder, part, count) for part, count in _PARTS)
    )
    return Split(train, test)


def _refuse_half(name: str, folders: list[Path]) -> None:
    """Say which files are missing where some of the four lie, rather than download them anew."""
    for folder in folders:
        lacking = [f"{part}-{kind}" for part, _ in _PARTS for kind in _KINDS if not _file(folder, part, kind)]
        if len(lacking) < 4:
            raise DataError(
                f"{folder} holds {name} in part only: {', '.join(lacking)}, plain or .gz, "
                f"{'is' if len(lacking) == 1 else 'are'} missing; put them there, or delete the folder"
            )


def _download(name: str, folders: list[Path]) -> Path:
    from torchvision import datasets

    try:
        with downloading(data_root()):
            getattr(datasets, name)(data_root(), download=True)
    except (OSError, RuntimeError) as error:
        looked = ", ".join(map(str, folders))
        raise DataError(
            f"{name} is not there and could not be downloaded ({type(error).__name__}): looked in {looked}; "
            f"put train-images-idx3-ubyte, train-labels-idx1-ubyte and the two t10k files, plain or .gz, "
            f"into {folders[0]}, or set MEMEST_DATA"
        ) from error
    return folders[0]


def _find(folder: Path, part: str) -> tuple[Path, Path] | None:
    images, labels = (_file(folder, part, kind) for kind in _KINDS)
    return (images, labels) if images and labels else None


def _file(folder: Path, part: str, kind: str) -> Path | None:
    names = [f"{part}-{kind}", f"{part}-{kind}.gz"]
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _part(folder: Path, part: str, count: int) -> tuple[NDArray[np.uint8], Integers, int]:
    files = _find(folder, part)
    if files is None:
        raise DataError(f"the idx files of {part} are not in {folder}")
    images, labels = read_idx(files[0]), read_idx(files[1])
    for path, array, shape in ((files[0], images, (count, 28, 28)), (files[1], labels, (count,))):
        if array.shape != shape:
            raise DataError(f"{path} holds {array.shape}, expected {shape}")
    return images[..., None], labels.astype(np.int64), count
