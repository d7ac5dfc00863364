"""CIFAR as its authors pack it."""

from __future__ import annotations

import hashlib
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from broken_files import PAGE, POINTER, written

from memest.data import load_images
from memest.data.sources import cifar
from memest.errors import DataError

PIXELS = np.random.default_rng(0).integers(0, 256, (60, 3072), dtype=np.uint8)
LABELS = [n % 10 for n in range(60)]


@pytest.fixture
def cifar10(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """CIFAR-10's files in their own format with ten images each, and their MD5 as the published ones."""
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    parts = [*(f"data_batch_{k}" for k in range(1, 6)), "test_batch"]
    for k, name in enumerate(parts):
        entry = {"data": PIXELS[10 * k : 10 * k + 10], "labels": LABELS[10 * k : 10 * k + 10]}
        written(folder / name, pickle.dumps(entry, protocol=2))
    written(folder / "batches.meta", pickle.dumps({"label_names": list("abcdefghij")}, protocol=2))
    published(folder, monkeypatch)
    monkeypatch.setenv("MEMEST_DATA", str(tmp_path))
    return folder


def published(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the bytes that lie in the folder for those that were published."""
    sums = {path.name: hashlib.md5(path.read_bytes()).hexdigest() for path in folder.iterdir()}
    monkeypatch.setattr(cifar, "_CIFAR10", replace(cifar._CIFAR10, md5=sums))


def test_cifar_is_read_in_the_order_of_its_files(cifar10: Path) -> None:
    """Channel planes become the last axis; batch after batch; the test batch apart."""
    split = load_images("cifar10")
    expected = PIXELS.reshape(60, 3, 32, 32).transpose(0, 2, 3, 1)
    np.testing.assert_array_equal(split.train.images, expected[:50])
    np.testing.assert_array_equal(split.test.images, expected[50:])
    assert split.train.labels.tolist() == LABELS[:50]
    assert split.train.classes == tuple("abcdefghij")


def test_cifar_that_is_half_there_or_damaged_says_which_file(cifar10: Path) -> None:
    """A missing file, a cut file and a web page are three things; none of them is a failed download."""
    third = cifar10 / "data_batch_3"
    whole = third.read_bytes()
    for content, words in ((whole[:-9], "is damaged: its MD5"), (PAGE, "an HTML"), (POINTER, "git lfs pull")):
        written(third, content)
        with pytest.raises(DataError, match=words) as refusal:
            load_images("cifar10")
        assert str(third) in str(refusal.value)
    third.unlink()
    with pytest.raises(DataError, match=r"data_batch_3 is not: only half of it is here"):
        load_images("cifar10")


class Planted:
    """An object whose unpickling leaves a file behind."""

    def __init__(self, witness: Path) -> None:
        self.witness = witness

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.witness,)


def test_a_pickle_that_names_more_than_arrays_is_not_run(
    cifar10: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even under a right MD5, only numbers, text and arrays are read."""
    witness = tmp_path / "ran"
    written(cifar10 / "data_batch_1", pickle.dumps(Planted(witness)))
    published(cifar10, monkeypatch)
    with pytest.raises(pickle.UnpicklingError, match="has no place in a file of images"):
        load_images("cifar10")
    assert not witness.exists()
