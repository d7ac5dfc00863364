"""Plain arrays from .npz and .npy files: nothing in them is executed, and no header is believed unchecked."""

from __future__ import annotations

import lzma
import math
import os
import struct
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from memest.errors import DataError, looked_in

_DAMAGE = (
    ValueError,  # a header that is none
    OSError,
    EOFError,
    MemoryError,
    OverflowError,
    RuntimeError,  # this and the rest come out of zipfile, depending on which byte is damaged
    TypeError,
    LookupError,
    SyntaxError,
    tokenize.TokenError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
)
_STARTS = (
    (
        b"version https://git-lfs",
        "a pointer of Git LFS, not the file itself; fetch it with `git lfs pull`",
    ),
    (b"\x80", "a pickle, which can run code when it is opened; save its arrays with np.savez"),
    (b"PK", "an archive, as .npz and .pt files are, that is cut short or of several arrays"),
    (b"\x93NUMPY", "a single array; save several with np.savez(path, name=array, …)"),
    (b"\x1f\x8b", "a gzip file; unpack it first"),
    (b"PAR1", "a parquet file"),
    (b"\x89HDF", "an HDF5 file; save its arrays with np.savez"),
)
_MAGIC = b"\x93NUMPY"


def read_arrays(
    path: Path, expected: str, names: Sequence[str] = (), also: Sequence[str] | None = None
) -> Mapping[str, NDArray[Any]]:
    """The arrays of an .npz file, by name.

    Args:
        path: of the file.
        expected: what should be in it, for the error.
        names: arrays that must be there.
        also: of the others, those to read where they are there; None for all of them.

    Raises:
        DataError: no such file, no .npz of plain arrays, one that is damaged or larger than the memory, or an
            array missing.
    """
    require_file(path, expected)
    if not zipfile.is_zipfile(path):
        raise DataError(f"{path} is {what_lies_at(path, 'no .npz file')}; {expected}")
    with _named(path, "", expected), zipfile.ZipFile(path) as archive:
        members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
        chosen = set(members) if also is None else {*names, *also} & set(members)
        arrays = {}
        for name, info in members.items():
            if name in chosen and (info.filename.endswith(".npy") or name in names):
                with _named(path, name, expected), archive.open(info) as member:
                    arrays[name] = _array(member, info.file_size)
    for name in names:
        if name not in arrays:
            held = ", ".join(members) or "none"
            raise DataError(f"{path} has no array {name!r} (it has {held}); {expected}")
    return arrays


def read_matrix(path: Path, expected: str) -> NDArray[Any]:
    """The array of an .npy file.

    Raises:
        DataError: no such file, no plain array, or one that is damaged or larger than the memory.
    """
    require_file(path, expected)
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise DataError(f"{path} is {what_lies_at(path, 'no .npy file')}; {expected}")
        file.seek(0)
        with _named(path, "", expected):
            return _array(file, path.stat().st_size)


def require_file(path: Path, expected: str) -> None:
    """Refuse a path where no file lies.

    Raises:
        DataError: with the folder that was looked in.
    """
    if path.is_dir():
        raise DataError(f"{path} is a folder, not a file; {expected}")
    if not path.is_file():
        raise DataError(f"there is no file {path} {looked_in(path)}; {expected}")


def what_lies_at(path: Path, otherwise: str) -> str:
    """What a file is that cannot be what was asked for, in words: by its first bytes."""
    with path.open("rb") as file:
        start = file.read(512)
    if not start:
        return "empty"
    if start.lstrip()[:1] == b"<":
        return "an HTML or XML page and not data; a download may have answered with an error page"
    return next((words for bytes_, words in _STARTS if start.startswith(bytes_)), otherwise)


def require_memory(size: int) -> None:
    """Refuse to make an array of `size` bytes where the machine has no such memory.

    Raises:
        ValueError: more bytes than there is memory.
    """
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if size > memory:
        raise ValueError(f"it needs {size / 1e9:.1f} GB and this machine has {memory / 1e9:.1f} GB of memory")


def _array(file: IO[bytes], size: int) -> NDArray[Any]:
    """The array in `file`, of `size` bytes in all; made only once its header is known to tell the truth."""
    if file.read(len(_MAGIC)) != _MAGIC:
        raise ValueError("it is no .npy array")
    file.seek(0)
    version = npy.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"its .npy version {version} is not for plain arrays")
    with warnings.catch_warnings(action="ignore"):
        shape, _, dtype = (npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0)(
            file
        )
    if dtype.hasobject:
        raise ValueError(
            "it holds Python objects, a pickle that is never opened; save it as numbers or text: "
            "array.astype(int) or array.astype(str)"
        )
    promised, there = math.prod(shape) * dtype.itemsize, size - file.tell()
    if promised != there:
        raise ValueError(
            f"its header promises {dtype} of shape {shape}, {promised} bytes, and {there} are there"
        )
    require_memory(promised)
    file.seek(0)
    array: NDArray[Any] = npy.read_array(file, allow_pickle=False)
    return array


@contextmanager
def _named(path: Path, name: str, expected: str) -> Iterator[None]:
    """A damaged file or array as an error that says which."""
    try:
        yield
    except _DAMAGE as error:
        reason = next(iter(str(error).splitlines()), "") or type(error).__name__
        member = f", array {name!r}," if name else ""
        raise DataError(f"{path}{member} cannot be read ({reason}); {expected}") from error


def whole_numbers(values: NDArray[Any], name: str, path: object) -> NDArray[np.int64]:
    """Labels or ids from a file as int64, (N,).

    Args:
        values: whole numbers of any type; floats where each is a whole number.
        name: of the array.
        path: of the file.

    Raises:
        DataError: other types or shapes; the message names what came and the line of code that mends it.
    """
    if advice := _advice(values, name):
        raise DataError(
            f"{name} in {path} must be whole numbers of shape (N,), not {values.dtype} of shape "
            f"{values.shape}; {advice}"
        )
    beyond = [
        value for value in (values.max(initial=0), values.min(initial=0)) if not -(2**63) <= value < 2**63
    ]
    if beyond:
        raise DataError(
            f"{name} in {path} must lie below 2^63, and one is {beyond[0]}; number them anew: "
            f"{name} = np.unique({name}, return_inverse=True)[1]"
        )
    return values.astype(np.int64)


def _advice(values: NDArray[Any], name: str) -> str:
    """How to make whole numbers of values that are none; empty where they are."""
    kind = values.dtype.kind
    if kind in "SU":
        return f"text: classes, {name} = np.unique({name}, return_inverse=True), and save both"
    if values.ndim == 2 and values.shape[1] == 1:
        return f"a column: {name}.ravel()"
    if values.ndim == 2 and kind in "biuf":
        return f"one column for each class: {name}.argmax(1)"
    if values.ndim != 1:
        return "one number for each example is needed"
    if kind == "b":
        return f"boolean: {name}.astype(int)"
    if kind == "f" and not np.isfinite(values).all():
        return "NaN or infinite values stand there; leave those examples out"
    if kind == "f" and (values != np.round(values)).any():
        return f"{values[values != np.round(values)][0]:g} is no whole number: np.round({name}).astype(int)"
    return "" if kind in "iuf" else "expected integers"
