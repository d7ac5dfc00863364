"""Every dataset source: what it gives, and what it says where nothing is there."""

from __future__ import annotations

import gzip
import math
import struct
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from small_sets import draw, write_npz

from memest.data import SETS, corrupt, load_images
from memest.data.sources.base import stratified
from memest.errors import DataError, SettingError
from memest.loading import AUGMENTATIONS
from memest.seeding import Streams

OWN = {"npz": "own.npz", "folder": "own"}
"""Sources that read a path, and what lies there for each; shards have a file of tests of their own."""


DOWNLOADED = ("cifar10", "cifar100")
"""Sources whose files cannot be made here: torchvision compares their hashes."""


def write_idx(path: Path, array: NDArray[np.uint8]) -> None:
    """`array` in the idx format, gzipped if the name says so."""
    content = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()
    path.write_bytes(gzip.compress(content, compresslevel=1) if path.suffix == ".gz" else content)


@pytest.fixture(scope="module")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with idx files of full size, in both places they may lie in, and an .npz."""
    root = tmp_path_factory.mktemp("data")
    for folder, suffix in ((root / "MNIST" / "raw", ""), (root / "FashionMNIST", ".gz")):
        folder.mkdir(parents=True)
        for part, count in (("train", 60_000), ("t10k", 10_000)):
            pixels = np.resize(np.arange(251, dtype=np.uint8), (count, 28, 28))
            write_idx(folder / f"{part}-images-idx3-ubyte{suffix}", pixels)
            write_idx(folder / f"{part}-labels-idx1-ubyte", np.resize(np.arange(10, dtype=np.uint8), count))
    write_npz(root / "own.npz")
    for n, pixels in enumerate(draw(12).images):
        (root / "own" / "ab"[n % 2]).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels[..., 0]).save(root / "own" / "ab"[n % 2] / f"{n}.png")
    return root


@pytest.fixture
def at_data(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data folder as the one in use."""
    monkeypatch.setenv("MEMEST_DATA", str(data_folder))
    return data_folder


@pytest.mark.parametrize(
    "name", [name for name in SETS if name not in {*DOWNLOADED, "parquet", "tfrecord", "webdataset"}]
)
def test_every_set_has_an_identity(name: str, at_data: Path) -> None:
    """Loading a source twice gives the same examples under the same unique ids, in train and test."""
    spec = f"{name}(path={at_data}/{OWN[name]})" if name in OWN else name
    first, again = load_images(spec), load_images(spec)
    assert first.test is not None or name in OWN
    for one, other in ((first.train, again.train), (first.test, again.test)):
        if one is None or other is None:
            continue
        assert len(np.unique(one.ids)) == len(one) > 0
        assert one.fingerprint == other.fingerprint
        assert np.array_equal(one.images, other.images)
        assert set(one.labels.tolist()) <= set(range(len(one.classes)))
        assert one.order and one.classes == first.train.classes
        assert AUGMENTATIONS.parse(one.augmentation)
    assert first.test is None or first.train.fingerprint != first.test.fingerprint


def test_idx_files_are_read_plain_and_gzipped(at_data: Path) -> None:
    """Both spellings give what was written, and ids are positions in the files."""
    mnist, fashion = load_images("mnist").train, load_images("fashion_mnist").train
    assert mnist.images.shape == (60_000, 28, 28, 1)
    assert np.array_equal(mnist.images.ravel()[:5000], np.arange(5000) % 251)
    assert mnist.fingerprint == replace(fashion, classes=mnist.classes).fingerprint
    assert np.array_equal(mnist.labels[:25], np.arange(25) % 10)
    assert np.array_equal(mnist.ids, np.arange(60_000))


@pytest.mark.parametrize("name", DOWNLOADED)
def test_a_set_that_is_not_there_says_what_to_put_where(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error names the folder, the archive to put there and the variable that moves the folder.

    The unpacked folder is there but half empty, so nothing is fetched over the network.
    """
    pytest.importorskip("torchvision")
    folder = {"cifar10": "cifar-10-batches-py", "cifar100": "cifar-100-python"}[name]
    (tmp_path / folder).mkdir()
    monkeypatch.setenv("MEMEST_DATA", str(tmp_path))
    with pytest.raises(DataError) as refusal:
        load_images(name)
    for words in (str(tmp_path / folder), f"{name[:5]}-{name[5:]}-python.tar.gz", "MEMEST_DATA"):
        assert words in str(refusal.value)


def test_missing_idx_files_say_what_to_put_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error lists every folder looked in; a file in the folder's place keeps the network out of it."""
    pytest.importorskip("torchvision")
    (tmp_path / "MNIST").write_text("not a folder")
    monkeypatch.setenv("MEMEST_DATA", str(tmp_path))
    with pytest.raises(DataError) as refusal:
        load_images("mnist")
    for words in (str(tmp_path / "MNIST" / "raw"), "train-images-idx3-ubyte", "MEMEST_DATA"):
        assert words in str(refusal.value)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:1000]), "cut short"),
        (lambda path: path.write_bytes(b"\x1f\x8b" + bytes(50)), "is a gzip file"),
        (lambda path: write_idx(path, np.zeros((7, 28, 28), np.uint8)), r"holds \(7, 28, 28\), expected"),
    ],
    ids=["cut", "foreign", "short"],
)
def test_damaged_idx_files_are_named(
    damage: Callable[[Path], Any], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is cut, of another format or of another length is refused by name."""
    folder = tmp_path / "MNIST"
    folder.mkdir()
    for part in ("train", "t10k"):
        write_idx(folder / f"{part}-images-idx3-ubyte", np.zeros((9, 28, 28), np.uint8))
        write_idx(folder / f"{part}-labels-idx1-ubyte", np.zeros(9, np.uint8))
    damage(folder / "train-images-idx3-ubyte")
    monkeypatch.setenv("MEMEST_DATA", str(tmp_path))
    with pytest.raises(DataError, match=words) as refusal:
        load_images("mnist")
    assert str(folder / "train-images-idx3-ubyte") in str(refusal.value)


def test_digits_are_pinned() -> None:
    """The fingerprint that stored runs carry: if it changes, no stored run can be read any more."""
    digits = load_images("digits")
    assert (len(digits.train), len(digits.test)) == (1438, 359)
    assert digits.train.fingerprint == "3a47f05f7f9836e10c2cb3dd7e597988596fe72a6b050ac8ab994ba207009b17"
    assert digits.test.fingerprint == "6e6c673d404f11fe9962cfdd4ca41db53da5a34d6e51d19af9ae7599301fc531"


@pytest.mark.parametrize("limit", [60, 97, 100, 333, 1000])
def test_a_limit_keeps_class_shares_and_ids(limit: int) -> None:
    """Each class keeps its share to within one example, in the set's own order, every time the same."""
    images = draw(1000)
    labels = np.sort(np.random.default_rng(1).choice(10, 1000, p=np.arange(1, 11) / 55))
    images = replace(images, labels=labels)
    chosen = stratified(images, limit)
    assert len(chosen) == limit
    shares = np.bincount(labels, minlength=10) * limit / 1000
    assert (abs(np.bincount(chosen.labels, minlength=10) - shares) <= 1).all()
    positions = [images.ids.tolist().index(i) for i in chosen.ids]
    assert positions == sorted(positions)
    assert chosen.fingerprint == images.take(np.array(positions)).fingerprint
    assert chosen.fingerprint == stratified(images, limit).fingerprint


def test_a_limit_that_cannot_be_kept_is_refused() -> None:
    """Too many images, or so few that a class would vanish, which a rare class does first."""
    images = replace(draw(100), labels=np.repeat([0, 1], [99, 1]))
    for limit, words in ((101, "at most the 100"), (1, "without an image"), (2, "without an image")):
        with pytest.raises(SettingError, match=words):
            stratified(images, limit)
    assert len(load_images("digits", 50).train) == 50
    assert len(load_images("digits", 50).test) == 359


@pytest.mark.parametrize("count", [100, 1438])
@pytest.mark.parametrize("rate", [0.01, 0.05, 0.29, 0.3, 0.57, 1 / 3, 1.0])
def test_symmetric_noise_moves_exactly_the_floor(rate: float, count: int) -> None:
    """⌊rate · N⌋ labels, with the rate as it is written, and no label moves to itself."""
    clean = draw(count)
    noisy, truth = corrupt(clean, f"symmetric_noise(rate={rate})", Streams(0))
    expected = math.floor(Fraction(str(rate)) * count)
    assert truth.changed.sum() == expected
    assert np.array_equal(truth.changed, noisy.labels != clean.labels)
    assert np.array_equal(truth.labels, noisy.labels)
    assert np.array_equal(truth.original_labels, clean.labels)
    assert np.array_equal(noisy.images, clean.images)
    assert (truth.partner_ids == -1).all()
    assert truth.spec == f"symmetric_noise(rate={rate})"
