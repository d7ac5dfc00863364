"""Tables that name image files and their labels: Hugging Face's metadata.csv, .jsonl or .parquet."""

from __future__ import annotations

import re
from collections import Counter, deque
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from memest.data.csv_text import csv_rows, delimiter_of, not_text
from memest.data.decoded import Files, texts
from memest.data.images import Integers
from memest.data.sources.encoded import Label, Listing, one_line
from memest.errors import DataError
from memest.ids import Ids

_NUMBER = re.compile(r"0|[1-9]\d{0,17}")
NAMES = ("metadata.csv", "metadata.jsonl", "metadata.parquet")


@dataclass(frozen=True)
class TableColumns:
    """The names of a table's columns; `id` may be None."""

    file: str
    label: str
    id: str | None


@dataclass(frozen=True, eq=False)
class TableRows:
    """What a table says, in its own order: paths below its folder, labels, and ids if it has them.

    `numbering` is the column of the ids.
    """

    names: list[str]
    labels: list[Label]
    ids: Integers | None
    numbering: str = ""

    def listing(self, root: Path, lacking: set[str], left_out: dict[str, str]) -> Listing:
        """The rows whose files are there, sorted by path."""
        places = [place for place, name in enumerate(self.names) if name not in lacking]
        places.sort(key=self.names.__getitem__)
        ids = None if self.ids is None else self.ids[places]
        names = texts([self.names[place] for place in places])
        labels = [self.labels[place] for place in places]
        return Listing(root, Files(root, names), labels, ids, left_out, self.numbering)


def find_table(root: Path) -> Path | None:
    """The table in a folder, if there is one."""
    return next((root / name for name in NAMES if (root / name).is_file()), None)


def table_rows(path: Path, columns: TableColumns) -> TableRows:
    """The rows of a table.

    Raises:
        DataError: it cannot be read, lacks a column, or has a row that names no file of its own.
    """
    table = _arrow(path, columns)
    for name in filter(None, (columns.file, columns.label, columns.id)):
        if table.column_names.count(name) > 1:
            raise DataError(f"{path} has {table.column_names.count(name)} columns {name!r}; keep one of them")
        if name not in table.column_names:
            raise DataError(
                f"{path} has no column {name!r} (it has {', '.join(table.column_names)}); name another with "
                "file=…, label=… or id=…"
            )
    names = [_inside(path, name) for name in table[columns.file].to_pylist()]
    name, count = Counter(names).most_common(1)[0] if names else ("", 0)
    if count > 1:
        raise DataError(f"{path} names the file {name} in {count} rows; each may stand there once")
    labels = as_labels(table[columns.label].to_pylist(), names, f"{columns.label} in {path}")
    return TableRows(names, labels, _ids(table, columns.id, path), columns.id or "")


def as_labels(values: list[Any], names: list[str], whose: str) -> list[Label]:
    """Labels as text or whole numbers.

    Raises:
        DataError: one is missing, or of another kind.
    """
    if all(isinstance(value, str) and _NUMBER.fullmatch(value) for value in values):
        return [int(value) for value in values]
    labels: list[Label] = []
    for name, value in zip(names, values, strict=True):
        value = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
        if value is None or value == "":
            raise DataError(f"{whose}: {one_line(name)} has no label; give it one, or take it out")
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, str | int):
            raise DataError(f"{whose} must be text or whole numbers, and {one_line(name)} has {value!r}")
        labels.append(str(value) if isinstance(value, bool) else value)
    if {type(label) for label in labels} == {int, str}:
        return [str(label) for label in labels]
    return labels


def _ids(table: Any, name: str | None, path: Path) -> Integers | None:
    if name is None:
        return None
    values = table[name].to_pylist()
    if odd := [value for value in values if not isinstance(value, int) or not 0 <= value < 2**63]:
        raise DataError(f"{name} in {path} must be whole numbers from 0 to 2^63 − 1, and one is {odd[0]!r}")
    return Ids(np.array(values, np.int64), f"{name} in {path}").ids


def _inside(path: Path, name: Any) -> str:
    """A file name of the table, made plain; it must stay below the table's folder."""
    text = str(name or "").replace("\\", "/")
    plain = PurePosixPath(text)
    if not text or plain.is_absolute() or ".." in plain.parts:
        raise DataError(f"{path} names the file {name!r}, which does not lie below {path.parent}")
    return plain.as_posix()


def _dialect(path: Path, columns: TableColumns) -> tuple[str, str | None]:
    """What separates the columns of a CSV file whose quotes are all closed, and what escapes quotes.

    Only the header and the columns that are asked for must be UTF-8, which Arrow sees to.
    """
    wanted = [name for name in (columns.file, columns.label, columns.id) if name]
    mark = delimiter_of(path, wanted)
    try:
        deque(csv_rows(path, mark, None, "replace"), 0)
    except DataError as error:
        try:
            deque(csv_rows(path, mark, "\\", "replace"), 0)
        except DataError:
            raise error from None
        return mark, "\\"
    return mark, None


def _arrow(path: Path, columns: TableColumns) -> Any:
    import pyarrow as pa
    from pyarrow import csv, json, parquet

    try:
        if path.suffix == ".csv":
            mark, escape = _dialect(path, columns)
            as_text = {columns.file: pa.string(), columns.label: pa.string()}  # 007 is not 7
            return csv.read_csv(
                path,
                parse_options=csv.ParseOptions(
                    delimiter=mark, escape_char=escape or False, newlines_in_values=True
                ),
                convert_options=csv.ConvertOptions(column_types=as_text),
            )
        if path.suffix == ".jsonl":
            return json.read_json(path)
        return parquet.read_table(path, use_threads=False)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        if "UTF8" in str(error):
            raise not_text(path) from error
        raise DataError(f"{path} cannot be read as a table: {str(error).splitlines()[0]}") from error
