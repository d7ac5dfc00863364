"""The idx format of MNIST: two zeros, a type byte (8: uint8), the rank, big-endian sizes, data."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from memest.arrays import require_file, require_memory, what_lies_at
from memest.errors import DataError

_AGAIN = "download or copy it again"


def read_idx(path: Path) -> NDArray[np.uint8]:
    """The bytes of an idx file, plain or gzipped, in the shape that its header states.

    Raises:
        DataError: no such file, another format, or more or fewer bytes than its header promises.
    """
    require_file(path, "expected an idx file")
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            return _read(file, path)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        came = what_lies_at(path, "damaged") if path.suffix == ".gz" else "damaged"
        came = "damaged" if came.startswith("a gzip") else came
        raise DataError(f"{path} is {came} ({error or type(error).__name__}); {_AGAIN}") from error


def _read(file: IO[bytes] | gzip.GzipFile, path: Path) -> NDArray[np.uint8]:
    start = file.read(4)
    if not start or start[:3] != b"\x00\x00\x08"[: len(start)]:
        raise DataError(f"{path} is {what_lies_at(path, 'not an idx file of bytes')}; {_AGAIN}")
    rank = start[3] if len(start) == 4 else 1
    header = file.read(4 * rank)
    if len(header) < 4 * rank or len(start) < 4:
        raise DataError(f"{path} is cut short: it ends within its header; {_AGAIN}")
    shape = struct.unpack(f">{rank}I", header)
    promised = math.prod(shape)
    require_memory(promised)
    raw = file.read(promised + 1)
    if len(raw) != promised:
        came = f"holds {len(raw)}" if len(raw) < promised else "goes on after them"
        kind = "cut short" if len(raw) < promised else "damaged"
        raise DataError(f"{path} is {kind}: its header promises {shape}, {promised} bytes, and it {came}")
    return np.frombuffer(raw, np.uint8).reshape(shape)
