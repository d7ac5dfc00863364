"""Arrays in files: every way in which one cannot be read is named with its cause."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from broken_files import PAGE, POINTER, written

from memest.arrays import read_arrays, read_matrix, whole_numbers
from memest.data import load_images
from memest.errors import DataError


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
