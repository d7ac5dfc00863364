"""Where the records of shards begin: found once, kept in the cache, found anew when a shard changes."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memest.data.decoded.cache import cache_root, locked
from memest.data.decoded.records import Stretches, shards_state, texts
from memest.errors import DataError
from memest.files import write_whole
from memest.grammar.config import digest

INDEXES = "indexes"
_VERSION = 1
_FILE = re.compile(r"[0-9a-f]{32}\.parquet\.lock")
Found = Mapping[str, NDArray[Any] | Sequence[Any]]
"""Columns name, label, shard, offset and length, (N,) each."""


def indexed(
    root: Path, shards: Sequence[str], settings: Mapping[str, Any], find: Callable[[], Found]
) -> tuple[Stretches, list[Any]]:
    """The records of some shards and their labels.

    Args:
        root: the folder of the shards.
        shards: their names, in the order that they are read in.
        settings: all else that the index depends on.
        find: reads through the shards; called where no index of them is kept.
    """
    key = digest(_VERSION, str(root.resolve()), dict(settings), shards_state(root, shards))[:32]
    path = cache_root() / INDEXES / f"{key}.parquet"
    if not path.is_file():
        with locked(path):
            if not path.is_file():
                write_whole(path, _packed(find()), durable=False)
    columns = _read(path)
    numbers = {
        name: columns[name].to_numpy().astype(np.int64, copy=False) for name in ("shard", "offset", "length")
    }
    records = Stretches(root, texts(columns["name"].to_pylist()), tuple(shards), **numbers)
    return records, columns["label"].to_pylist()


def drop_indexes() -> None:
    """Delete all indexes; a file that has no lock of memest's beside it stays."""
    folder = cache_root() / INDEXES
    if folder.is_symlink():
        return
    for lock in folder.glob("*.parquet.lock"):
        if _FILE.fullmatch(lock.name):
            lock.with_suffix("").unlink(missing_ok=True)
            lock.unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()


def _packed(columns: Found) -> bytes:
    import pyarrow as pa
    from pyarrow import parquet

    buffer = io.BytesIO()
    parquet.write_table(pa.table(dict(columns)), buffer, compression="zstd")
    return buffer.getvalue()


def _read(path: Path) -> Any:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        return parquet.read_table(path, use_threads=False)
    except (pa.ArrowException, OSError) as error:
        path.unlink(missing_ok=True)
        raise DataError(f"the index {path} was damaged and is deleted; run the same command again") from error
