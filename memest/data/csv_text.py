"""CSV as spreadsheets write it: with a byte order mark or without, commas, semicolons or tabs, any line ends.

A quote that is left open is refused: readers of CSV silently take the rows up to the next one for one value.
"""

from __future__ import annotations

import csv
from codecs import BOM_UTF8
from collections.abc import Collection, Iterator
from pathlib import Path

from memest.errors import DataError

_MARKS = ",;\t"
_LONGEST = 2**31 - 1
"""Characters of a value: it may be as long as a file."""


def delimiter_of(path: Path, wanted: Collection[str]) -> str:
    """What separates the columns of a file: what makes the wanted names of its header, else the most names.

    Raises:
        DataError: its header is not text in UTF-8.
        FileNotFoundError: there is no such file.
    """
    try:
        with path.open("rb") as file:
            lines = (line.removeprefix(BOM_UTF8) for block in file for line in block.splitlines())
            header = next(filter(bytes.strip, lines), b"").decode()
    except UnicodeDecodeError as error:
        raise not_text(path) from error
    rows = {mark: _next(csv.reader([header], delimiter=mark)) or [] for mark in _MARKS}
    fitting = [mark for mark in _MARKS if set(wanted) <= set(rows[mark])]
    return fitting[0] if fitting else max(_MARKS, key=lambda mark: len(rows[mark]))


def csv_rows(
    path: Path, delimiter: str, escape: str | None = None, errors: str = "strict"
) -> Iterator[tuple[int, list[str]]]:
    """The rows of a file, the header first, each with the line it begins in; empty lines are left out.

    `escape` is what stands before a quote inside a value, where quotes are not doubled.

    Raises:
        DataError: it is not text in UTF-8, or a quote is not closed, with the line of its row.
        FileNotFoundError: there is no such file.
    """
    line = 1
    try:
        with path.open(newline="", encoding="utf-8-sig", errors=errors) as file:
            reader = csv.reader(file, delimiter=delimiter, escapechar=escape, strict=True)
            while (row := _next(reader)) is not None:
                if any(map(str.strip, row)):
                    yield line, row
                line = reader.line_num + 1
    except UnicodeDecodeError as error:
        raise not_text(path) from error
    except csv.Error as error:
        raise DataError(
            f"{path}, line {line}: a quote opens a value there and is not closed as it should be ({error}): "
            'close it at the end of the value, and write a quote inside a value as ""'
        ) from error


def _next(reader: Iterator[list[str]]) -> list[str] | None:
    """The next row, None at the end; values may be long. The limit is the whole process's: it is put back."""
    limit = csv.field_size_limit(_LONGEST)
    try:
        return next(reader, None)
    finally:
        csv.field_size_limit(limit)


def not_text(path: Path) -> DataError:
    """The refusal of a file whose text is of another encoding."""
    return DataError(f"{path} cannot be read as a table: it is not UTF-8; save it as CSV UTF-8")
