"""Plain arrays from .npz files; a pickled one is never loaded. Depends on numpy and `errors`."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memest.errors import DataError

_UNREADABLE = (
    ValueError,  # a pickled array
    TypeError,  # a single .npy array
    OSError,
    EOFError,
    RuntimeError,  # this and the rest come out of zipfile, depending on which byte is damaged
    zipfile.BadZipFile,
    zlib.error,
)


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
        DataError: no such file, no .npz of plain arrays, or an array missing.
    """
    if not path.is_file():
        raise DataError(f"there is no file {path} (looked in {path.resolve().parent}); {expected}")
    try:
        with np.load(path, allow_pickle=False) as archive:
            held = archive.files
            chosen = held if also is None else [name for name in held if name in {*names, *also}]
            arrays = {name: archive[name] for name in chosen}
    except _UNREADABLE as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise DataError(f"{path} cannot be read as an .npz of plain arrays ({reason}); {expected}") from error
    for name in names:
        if name not in arrays:
            raise DataError(f"{path} has no array {name!r} (it has {', '.join(held) or 'none'}); {expected}")
    return arrays
