"""Tables in Markdown, for pages that are made from results."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

_RULES = {"l": "---", "r": "---:"}


def markdown_table(heads: Sequence[object], sides: str, rows: Iterable[Sequence[object]]) -> str:
    """A table in Markdown.

    Args:
        heads: of the columns.
        sides: a letter for each column: `l` for words, `r` for numbers.
        rows: cells, as many in each as there are columns; a bar within one is written as a slash.
    """
    rule = f"|{'|'.join(_RULES[side] for side in sides)}|"
    return "\n".join([_row(heads), rule, *map(_row, rows)])


def _row(cells: Iterable[object]) -> str:
    return f"| {' | '.join(str(cell).replace('|', '/') for cell in cells)} |"
