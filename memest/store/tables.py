"""Columns of equal length as parquet bytes, arrays as npy bytes, and back."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memest.errors import SheetError

Columns = dict[str, NDArray[Any]]
FACTS = ("id", "label", "original_label", "changed")
"""The columns of a summary table that say what an example is."""
NAME = "name"
"""A further such column, where the examples have names of their own, such as file names."""
NOT_SUMMARIES = (*FACTS, NAME)
"""The columns of a summary table that are not summaries."""


def write_table(columns: Mapping[str, NDArray[Any]]) -> bytes:
    """Parquet bytes of named one-dimensional columns; equal columns give equal bytes."""
    import pyarrow as pa
    from pyarrow import parquet

    sink = pa.BufferOutputStream()
    texts = {name: values.tolist() for name, values in columns.items() if values.dtype.kind == "T"}
    parquet.write_table(pa.table(dict(columns) | texts), sink, compression="zstd", use_dictionary=False)
    return bytes(sink.getvalue().to_pybytes())


def table_names(content: bytes) -> list[str]:
    """The names of the columns of parquet bytes; no column is read.

    Raises:
        SheetError: the bytes are not parquet.
    """
    with _read_plainly():
        return list(_file(content).schema_arrow.names)


def read_table(content: bytes, columns: Sequence[str] | None = None) -> Columns:
    """Named columns from parquet bytes, all of them or those asked for.

    Read on this thread alone: an Arrow worker that still holds Python's bytes when the interpreter exits
    aborts the process.

    Raises:
        SheetError: the bytes are not parquet, or a column is not there.
    """
    with _read_plainly():
        table = _file(content).read(columns, use_threads=False)
    if missing := set(columns or ()) - set(table.column_names):
        raise SheetError(f"the table has no column {min(missing)!r} (it has {', '.join(table.column_names)})")
    return {name: np.asarray(table[name].to_numpy()) for name in columns or table.column_names}


def _file(content: bytes) -> Any:
    import pyarrow as pa
    from pyarrow import parquet

    return parquet.ParquetFile(pa.BufferReader(content), pre_buffer=False)


@contextmanager
def _read_plainly() -> Iterator[None]:
    """Whatever Arrow raises, as an error of the sheet."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise SheetError(f"a table of the sheet cannot be read: {str(error).splitlines()[0]}") from error


def array_bytes(array: NDArray[Any]) -> bytes:
    """The npy bytes of an array; equal arrays give equal bytes."""
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def read_array(content: bytes) -> NDArray[Any]:
    """The array in npy bytes; nothing in them is ever executed.

    Raises:
        SheetError: they hold none.
    """
    try:
        array: NDArray[Any] = np.load(io.BytesIO(content), allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise SheetError(f"an array of the sheet cannot be read ({type(error).__name__})") from error
    return array
