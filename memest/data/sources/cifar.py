"""CIFAR-10 and CIFAR-100, in the order of their original files, which torchvision downloads."""

from __future__ import annotations

import codecs
import hashlib
import io
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from memest.arrays import what_lies_at
from memest.data.images import ImageSet, Split
from memest.data.sources.base import SETS, data_root, downloading
from memest.errors import DataError


@dataclass(frozen=True)
class _Release:
    """A published archive: where its files lie, what is in them, and the MD5 of each."""

    name: str
    folder: str
    archive: str
    train: tuple[str, ...]
    test: tuple[str, ...]
    meta: str
    labels: str
    names: str
    md5: dict[str, str]


_CIFAR10 = _Release(
    name="CIFAR10",
    folder="cifar-10-batches-py",
    archive="cifar-10-python.tar.gz",
    train=("data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5"),
    test=("test_batch",),
    meta="batches.meta",
    labels="labels",
    names="label_names",
    md5={
        "data_batch_1": "c99cafc152244af753f735de768cd75f",
        "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
        "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
        "data_batch_4": "634d18415352ddfa80567beed471001a",
        "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
        "test_batch": "40351d587109b95175f43aff81a1287e",
        "batches.meta": "5ff9c542aee3614f3951f8cda6e48888",
    },
)
_CIFAR100 = _Release(
    name="CIFAR100",
    folder="cifar-100-python",
    archive="cifar-100-python.tar.gz",
    train=("train",),
    test=("test",),
    meta="meta",
    labels="fine_labels",
    names="fine_label_names",
    md5={
        "train": "16019d7e3df5f24257cddd939b257f8d",
        "test": "f0ef6b0ae62326f3e7ffdfab6717acfc",
        "meta": "7973b15100ade9c7d40fb424638fde48",
    },
)


@SETS.register
def cifar10() -> Split:
    """50,000 training and 10,000 test images of 32 × 32 in 10 classes."""
    return _load(_CIFAR10)


@SETS.register
def cifar100() -> Split:
    """50,000 training and 10,000 test images of 32 × 32 in 100 fine classes."""
    return _load(_CIFAR100)


def _load(release: _Release) -> Split:
    folder = data_root() / release.folder
    if not folder.is_dir():
        _download(release, folder)
    classes = tuple(_entry(folder, release.meta, release)[release.names])
    train, test = (_images(folder, part, classes, release) for part in (release.train, release.test))
    return Split(train, test)


def _download(release: _Release, folder: Path) -> None:
    from torchvision import datasets

    try:
        with downloading(folder.parent):
            getattr(datasets, release.name)(folder.parent, download=True)
    except (OSError, RuntimeError) as error:
        raise DataError(
            f"{release.name} is not there and could not be downloaded ({type(error).__name__}): looked for "
            f"{folder}; put {release.archive}, unpacked, under {folder.parent}, or set MEMEST_DATA to the "
            "folder that holds it"
        ) from error


def _images(folder: Path, files: tuple[str, ...], classes: tuple[str, ...], release: _Release) -> ImageSet:
    entries = [_entry(folder, file, release) for file in files]
    labels = np.concatenate([np.asarray(entry[release.labels], np.int64) for entry in entries])
    planes = np.vstack([entry["data"] for entry in entries]).reshape(-1, 3, 32, 32)
    return ImageSet(
        images=np.ascontiguousarray(planes.transpose(0, 2, 3, 1)),
        labels=labels,
        ids=np.arange(len(labels)),
        classes=classes,
        order="torchvision",
        augmentation="crop_flip",
    )


def _entry(folder: Path, file: str, release: _Release) -> dict[str, Any]:
    """What one file holds, once its bytes are known to be those that were published."""
    path = folder / file
    again = (
        f"unpack {release.archive} again, or delete {folder} to have it downloaded; MEMEST_DATA names the "
        f"folder that holds {release.folder}"
    )
    if not path.is_file():
        raise DataError(f"{folder} is there, but {path} is not: only half of it is here; {again}")
    content = path.read_bytes()
    if hashlib.md5(content).hexdigest() != release.md5[file]:
        came = what_lies_at(path, "damaged")
        came = "damaged" if "pickle" in came else came
        raise DataError(
            f"{path} ({len(content)} bytes) is {came}: its MD5 is not that of {release.name}; {again}"
        )
    entry: dict[str, Any] = _Plain(io.BytesIO(content), encoding="latin1").load()
    return entry


class _Plain(pickle.Unpickler):
    """Reads numbers, text and arrays, and refuses everything else that a pickle can name."""

    def find_class(self, module: str, name: str) -> Any:
        if (module.removeprefix("numpy."), name) in {("numpy", "ndarray"), ("numpy", "dtype")}:
            return getattr(np, name)
        if name == "_reconstruct" and module.startswith("numpy."):
            return np._core.multiarray._reconstruct  # type: ignore[attr-defined]
        if (module, name) == ("_codecs", "encode"):
            return codecs.encode
        raise pickle.UnpicklingError(f"{module}.{name} has no place in a file of images")
