"""IDX files as MNIST has them."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import pytest
from broken_files import PAGE, POINTER, written

from memest.data import load_images
from memest.data.sources.idx import read_idx
from memest.errors import DataError


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


def test_half_of_mnist_is_told_from_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where some of the four files lie, the others are named, and nothing is downloaded."""
    monkeypatch.setenv("MEMEST_DATA", str(tmp_path))
    (tmp_path / "MNIST").mkdir()
    written(tmp_path / "MNIST" / "train-labels-idx1-ubyte", idx(1, data=b"\x00"))
    with pytest.raises(DataError, match=r"in part only: train-images-idx3-ubyte, t10k-images.* are missing"):
        load_images("mnist")
