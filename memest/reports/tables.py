"""Typed tables: columns of values that stay numbers until a renderer writes them.

    Table((Column("method", names), Column("AUROC", aurocs, fixed(4))))

A format turns one value into text; what was not measured (None, NaN) is an empty cell.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

Format: TypeAlias = Callable[[Any], str]


def text(value: Any) -> str:
    """The value as it is."""
    return "" if _missing(value) else str(value)


def whole(value: Any) -> str:
    """A count, with commas between thousands."""
    return "" if _missing(value) else f"{int(value):,}"


def fixed(digits: int) -> Format:
    """A number with so many decimals; one more where it would be rounded up to 1."""

    def write(value: Any) -> str:
        if _missing(value):
            return ""
        rounded = f"{value:.{digits}f}"
        return f"{value:.{digits + 1}f}" if value < 1 and float(rounded) == 1 else rounded

    return write


def signed(digits: int) -> Format:
    """A difference with so many decimals and its sign, `+0.0021`."""
    return lambda value: "" if _missing(value) else f"{value:+.{digits}f}"


def number(digits: int) -> Format:
    """A count as `whole` writes it, any other number as `fixed`: for a column that holds both."""
    share = fixed(digits)
    return lambda value: whole(value) if isinstance(value, int) else share(value)


def mean_and_spread(value: Any) -> str:
    """A mean and its standard deviation, `0.9845 ± 0.0026`; the mean alone where there is no spread."""
    mean, spread = value
    if _missing(mean):
        return ""
    return f"{mean:.4f}" if _missing(spread) else f"{mean:.4f} ± {spread:.4f}"


def ends(value: Any, digits: int = 4) -> str:
    """The lowest and the highest of several, `0.9812–0.9871`; one number where they are equal."""
    low, high = value
    if _missing(low):
        return ""
    return f"{low:.{digits}f}" if low == high else f"{low:.{digits}f}–{high:.{digits}f}"


def p_value(value: Any) -> str:
    """A p-value with one digit, as small as 1e-16, and whether it is an upper bound: `≤0.003`."""
    p, bound = value
    if _missing(p):
        return ""
    return f"{'≤' if bound and p < 1 else ''}{p:.1g}" if p >= 1e-16 else "<1e-16"


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes:
        name: its heading.
        values: one for each row.
        format: how a value is written.
    """

    name: str
    values: Sequence[Any]
    format: Format = text

    @property
    def cells(self) -> list[str]:
        """The values, written."""
        return [self.format(value) for value in self.values]


@dataclass(frozen=True)
class Table:
    """Columns of equal length; the first says what a row is about."""

    columns: tuple[Column, ...]

    @property
    def header(self) -> list[str]:
        """The headings."""
        return [column.name for column in self.columns]

    @property
    def rows(self) -> list[list[str]]:
        """The cells, written, row by row."""
        return [list(row) for row in zip(*(column.cells for column in self.columns), strict=True)]


def _missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))
