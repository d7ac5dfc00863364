"""Readers of arrays: what is damaged, foreign or too large is refused by name, and nothing is executed."""

from __future__ import annotations

import gzip
import hashlib
import io
import pickle
import struct
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from memest.arrays import read_arrays, read_matrix, whole_numbers
from memest.data import load_images
from memest.data.sources import cifar
from memest.data.sources.idx import read_idx
from memest.errors import DataError

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
PAGE = b"\n<!DOCTYPE html><html><body>404 Not Found</body></html>"


def npy_bytes(array: Any, **header: Any) -> bytes:
    """The .npy bytes of an array, its header changed as told."""
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        buffer,
        {"descr": np.lib.format.dtype_to_descr(array.dtype), "fortran_order": False, "shape": array.shape}
        | header,
    )
    return buffer.getvalue() + array.tobytes()


def npz(path: Path, **members: bytes) -> Path:
    """An .npz whose members hold these bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return path


def cut(path: Path) -> Path:
    """The same file without its second half."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def written(path: Path, content: bytes) -> Path:
    """A file of these bytes."""
    path.write_bytes(content)
    return path


NUMBERS = np.arange(24)
BAD_NPZ: dict[str, tuple[Callable[[Path], Path], str]] = {
    "a member that is no .npy": (lambda p: npz(p, x=b"plain words"), r"array 'x', .*no \.npy array"),
    "a header that promises more than is there": (
        lambda p: npz(p, x=npy_bytes(NUMBERS, shape=(10**6,))),
        r"promises int64 of shape \(1000000,\), 8000000 bytes, and 192 are there",
    ),
    "a header beyond any memory": (lambda p: npz(p, x=npy_bytes(NUMBERS, shape=(2**60,))), "promises"),
    "negative sizes": (lambda p: npz(p, x=npy_bytes(NUMBERS, shape=(-4, -6))), "cannot be read"),
    "a header that is no header": (lambda p: npz(p, x=b"\x93NUMPY\x01\x00\x04\x00{{{{"), "cannot be read"),
    "Python objects": (
        lambda p: npz(p, x=npy_bytes(np.zeros(2), descr="|O")),
        "a pickle that is never opened",
    ),
    "cut in the middle": (lambda p: cut(npz(p, x=npy_bytes(NUMBERS))), "cut short"),
    "a web page": (lambda p: written(p, PAGE), "an HTML or XML page and not data"),
    "a pointer of Git LFS": (lambda p: written(p, POINTER), "git lfs pull"),
    "a pickle": (lambda p: written(p, pickle.dumps([1])), "a pickle, which can run code"),
    "a single array": (lambda p: written(p, npy_bytes(NUMBERS)), "a single array; save several"),
    "an empty file": (lambda p: written(p, b""), "is empty"),
    "nothing": (lambda p: p, "there is no file"),
    "a folder": (lambda p: p.mkdir() or p, "is a folder, not a file"),  # type: ignore[func-returns-value]
}


@pytest.mark.parametrize("name", BAD_NPZ)
def test_an_npz_that_cannot_be_read_is_named_with_its_cause(name: str, tmp_path: Path) -> None:
    """One line with the path, what came, and what was expected."""
    make, words = BAD_NPZ[name]
    path = make(tmp_path / "x.npz")
    with pytest.raises(DataError, match=words) as refusal:
        read_arrays(path, "expected x (N,)", ("x",))
    assert str(path) in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert str(refusal.value).endswith("expected x (N,)")


def test_every_flipped_byte_of_an_npz_is_survived(tmp_path: Path) -> None:
    """Whatever byte is damaged: the same array, or one DataError."""
    whole = npz(tmp_path / "x.npz", x=npy_bytes(NUMBERS)).read_bytes()
    for place in range(len(whole)):
        changed = bytes([*whole[:place], whole[place] ^ 0xFF, *whole[place + 1 :]])
        try:
            found = read_arrays(written(tmp_path / "x.npz", changed), "expected x", ("x",))
            np.testing.assert_array_equal(found["x"], NUMBERS)
        except DataError as error:
            assert "x.npz" in str(error)


def test_other_members_of_an_npz_are_left_alone(tmp_path: Path) -> None:
    """A note or a pickled array beside those asked for does no harm."""
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("README.txt", "made by hand")
        archive.writestr("x.npy", npy_bytes(NUMBERS))
        archive.writestr("odd.npy", npy_bytes(np.zeros(2), descr="|O"))
    found = read_arrays(tmp_path / "x.npz", "expected x", ("x",), ())
    assert found.keys() == {"x"}
    np.testing.assert_array_equal(found["x"], NUMBERS)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (npy_bytes(NUMBERS, shape=(25,)), "promises"),
        (npy_bytes(NUMBERS)[:-8], "promises"),
        (npy_bytes(NUMBERS)[:20], "cannot be read"),
        (PAGE, "an HTML or XML page"),
        (POINTER, "git lfs pull"),
        (b"PK\x03\x04", "an archive"),
        (b"", "is empty"),
    ],
)
def test_a_matrix_that_cannot_be_read_is_named(content: bytes, words: str, tmp_path: Path) -> None:
    """Single arrays are checked like those of an archive."""
    path = written(tmp_path / "m.npy", content)
    with pytest.raises(DataError, match=words) as refusal:
        read_matrix(path, "expected a matrix")
    assert str(path) in str(refusal.value)


def idx(*shape: int, data: bytes) -> bytes:
    """An idx file of bytes."""
    return struct.pack(f">HBB{len(shape)}I", 0, 8, len(shape), *shape) + data


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"\x00\x00", "ends within its header"),
        (idx(2, 3, data=b"")[:9], "ends within its header"),
        (idx(2, 3, data=bytes(5)), r"cut short: its header promises \(2, 3\), 6 bytes, and it holds 5"),
        (idx(2, 3, data=bytes(7)), "goes on after them"),
        (idx(2**31, 2**31, data=bytes(7)), "memory"),
        (b"\x00\x00\x0d\x01" + bytes(8), "not an idx file of bytes"),
    ],
)
def test_an_idx_file_that_lies_is_refused(content: bytes, words: str, suffix: str, tmp_path: Path) -> None:
    """Short headers, other lengths than promised, other types: plain or gzipped, by name."""
    path = written(tmp_path / f"labels{suffix}", gzip.compress(content) if suffix else content)
    if suffix and words in ("empty", "not an idx file of bytes"):
        words = "gzip|header|idx"
    with pytest.raises(DataError, match=words) as refusal:
        read_idx(path)
    assert str(path) in str(refusal.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (gzip.compress(idx(9, data=bytes(9)), mtime=0)[:-9], "damaged"),
        (gzip.compress(idx(9, data=bytes(9)), mtime=0)[:-8] + bytes(8), "damaged"),
        (PAGE, "an HTML or XML page"),
        (POINTER, "git lfs pull"),
    ],
)
def test_a_gzipped_idx_file_that_is_damaged_is_refused(content: bytes, words: str, tmp_path: Path) -> None:
    """Damaged compression and what is no gzip file are told apart."""
    with pytest.raises(DataError, match=words):
        read_idx(written(tmp_path / "labels.gz", content))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.array([True, False]), r"bool of shape \(2,\); boolean: labels\.astype\(int\)"),
        (np.array(["cat", "dog"]), r"text: classes, labels = np\.unique\(labels, return_inverse=True\)"),
        (np.array([b"cat", b"dog"]), r"return_inverse=True"),
        (np.eye(3), r"one column for each class: labels\.argmax\(1\)"),
        (np.eye(3, dtype=np.int64), r"labels\.argmax\(1\)"),
        (np.zeros((4, 1), np.int64), r"a column: labels\.ravel\(\)"),
        (np.zeros((2, 2, 2)), "one number for each example"),
        (np.array(3), "one number for each example"),
        (np.array([0.0, 1e30]), r"below 2\^63, and one is 1e\+30"),
        (np.array([0.0, -1e30]), r"below 2\^63, and one is -1e\+30"),
        (np.array([0, 2**63], np.uint64), r"below 2\^63, and one is 9223372036854775808"),
        (np.array([0.5, 1.0]), r"0\.5 is no whole number: np\.round\(labels\)"),
        (np.array([np.nan]), "NaN or infinite"),
        (np.array([1j]), "expected integers"),
    ],
)
def test_labels_that_are_none_name_the_line_that_mends_them(values: Any, words: str) -> None:
    """What came, of which array in which file, and one line of code."""
    with pytest.raises(DataError, match=words) as refusal:
        whole_numbers(values, "labels", "mine.npz")
    assert "labels in mine.npz" in str(refusal.value)


@pytest.mark.parametrize("kind", [np.uint8, np.int32, np.uint64, np.float64])
def test_whole_numbers_of_any_type_are_labels(kind: Any) -> None:
    """The type does not matter where the values are whole."""
    found = whole_numbers(np.array([0, 3, 200]).astype(kind), "labels", "mine.npz")
    assert found.dtype == np.int64
    assert found.tolist() == [0, 3, 200]


def test_an_id_that_stands_twice_is_named_with_its_places(tmp_path: Path) -> None:
    """Which id, where, and in which file."""
    ids = np.arange(20)
    ids[[3, 9]] = 7
    images = np.zeros((20, 8, 8), np.uint8)
    np.savez(tmp_path / "mine.npz", images=images, labels=np.arange(20) % 2, ids=ids)
    with pytest.raises(DataError, match=r"mine\.npz has id 7 at positions 3, 7, 9"):
        load_images(f"npz(path='{tmp_path / 'mine.npz'}')")


def test_byte_class_names_name_the_line_that_decodes_them(tmp_path: Path) -> None:
    """Names as bytes are not guessed at."""
    images, labels = np.zeros((20, 8, 8), np.uint8), np.arange(20) % 2
    np.savez(tmp_path / "mine.npz", images=images, labels=labels, classes=np.array([b"cat", b"dog"]))
    with pytest.raises(DataError, match=r"np\.char\.decode\(classes, 'utf-8'\)"):
        load_images(f"npz(path='{tmp_path / 'mine.npz'}')")


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


def test_half_of_mnist_is_told_from_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where some of the four files lie, the others are named, and nothing is downloaded."""
    monkeypatch.setenv("MEMEST_DATA", str(tmp_path))
    (tmp_path / "MNIST").mkdir()
    written(tmp_path / "MNIST" / "train-labels-idx1-ubyte", idx(1, data=b"\x00"))
    with pytest.raises(DataError, match=r"in part only: train-images-idx3-ubyte, t10k-images.* are missing"):
        load_images("mnist")
