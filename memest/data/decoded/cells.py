"""Encoded images in a column of parquet or arrow files, as Hugging Face's `datasets` keeps them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from memest.data.decoded.pictures import UnreadableError
from memest.data.decoded.records import Read, shards_state
from memest.data.images import Integers, Names
from memest.errors import DataError


@dataclass(frozen=True, eq=False)
class Cells:
    """A cell for each image: its bytes, a path, or a struct of both.

    Attributes:
        root: the folder of the files, and of the paths.
        names: (N,) of the images.
        files: names of the parquet or arrow files.
        column: that holds the images.
        file: (N,) which file, in steps that never go back.
        row: (N,) which row of it, ascending within a file.
    """

    root: Path
    names: Names
    files: tuple[str, ...]
    column: str
    file: Integers
    row: Integers

    def part(self, start: int, stop: int) -> Cells:
        """The cells from `start` to `stop`."""
        chosen = slice(start, stop)
        names = self.names[chosen]
        return Cells(
            self.root.absolute(), names, self.files, self.column, self.file[chosen], self.row[chosen]
        )

    def read(self) -> Iterator[Read]:
        """Each cell; a row group is read once for the rows of it that follow one another."""
        for number in np.unique(self.file):
            for row in self.row[self.file == number].tolist():
                yield self._content(self.root / self.files[number], row)

    def digest(self) -> str:
        """Of each file's name, size and time of change, the column, and the rows."""
        content = hashlib.sha256(f"cells of {self.column}".encode())
        content.update(shards_state(self.root, self.files).encode())
        for array in (self.file, self.row):
            content.update(np.ascontiguousarray(array).data)
        return content.hexdigest()

    def _content(self, path: Path, row: int) -> Read:
        try:
            start, cells = _group(str(path), self.column, row)
            cell = cells[row - start].as_py()
            if isinstance(cell, dict):
                cell = cell.get("bytes") or cell.get("path")
            if isinstance(cell, str) and ".." in PurePosixPath(cell.replace("\\", "/")).parts:
                return UnreadableError(f"its path {cell!r} does not lie below {self.root.name}")
            if isinstance(cell, str):
                return (self.root / cell).read_bytes()
        except (OSError, ValueError) as error:  # pyarrow's errors are among these
            return UnreadableError(next(iter(str(error).splitlines()), type(error).__name__))
        return cell if isinstance(cell, bytes) else UnreadableError("no image in this row")


def open_table(path: Path) -> Any:
    """A parquet file to read row groups of, or the whole table of an arrow file, mapped.

    Raises:
        DataError: it is neither, damaged or cut short.
    """
    import pyarrow as pa
    from pyarrow import parquet

    try:
        if path.suffix != ".arrow":
            return parquet.ParquetFile(path, memory_map=True)
        try:
            return pa.ipc.open_stream(pa.memory_map(str(path))).read_all()
        except pa.ArrowInvalid:
            return pa.ipc.open_file(pa.memory_map(str(path))).read_all()
    except (pa.ArrowException, OSError) as error:
        reason = next(iter(str(error).splitlines()), "")
        raise DataError(f"{path} is damaged, cut short or no {path.suffix} file ({reason})") from error


@lru_cache(maxsize=2)
def _group(path: str, column: str, row: int) -> tuple[int, Any]:
    """The first row and the cells of the stretch of a file that holds `row`."""
    start, group = _place(path, row)
    return start, _cells(path, column, group)


def _place(path: str, row: int) -> tuple[int, int]:
    """The first row and the number of the row group that holds `row`; (0, −1): the whole of an arrow file."""
    starts = _starts(path)
    group = int(np.searchsorted(starts, row, side="right")) - 1
    return (int(starts[group]), group) if len(starts) > 1 or path.endswith(".parquet") else (0, -1)


@lru_cache(maxsize=8)
def _starts(path: str) -> Integers:
    table = open_table(Path(path))
    if path.endswith(".arrow"):
        return np.zeros(1, np.int64)
    counts = [table.metadata.row_group(k).num_rows for k in range(table.metadata.num_row_groups)]
    return np.cumsum([0, *counts])[:-1]


@lru_cache(maxsize=2)
def _cells(path: str, column: str, group: int) -> Any:
    table = open_table(Path(path))
    return table[column] if group < 0 else table.read_row_group(group, [column], use_threads=False)[column]
