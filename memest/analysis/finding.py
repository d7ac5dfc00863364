"""What an analysis gives: numbers and text first; its pictures are painted only when somebody wants them.

An analysis is one function of a `RunSet`, registered in `ANALYSES`; its keywords are its settings. Depends
on the ground floor.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from memest.analysis.runset import RunSet
from memest.grammar.registry import Registry

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

Cells = tuple[list[str], list[list[str]]]


@dataclass(frozen=True)
class Section:
    """A part of the report.

    Attributes:
        title: its heading.
        cells: header and rows of its table, formatted.
        paint: its figures by name and caption, made when called.
    """

    title: str
    cells: Cells
    paint: Callable[[], dict[tuple[str, str], Figure]]


@dataclass(frozen=True)
class Suspects:
    """A set of labels, the runs that were trained on it, and the ids they suspect, most suspicious first."""

    runs: RunSet
    ids: list[int]


@dataclass(frozen=True)
class Gallery:
    """Examples to be shown as images, from the dataset that the runs were trained on.

    Attributes:
        name: of the figure.
        caption: what is shown.
        runs: all of one fingerprint.
        ids: in rows.
        columns: examples in a row.
    """

    name: str
    caption: str
    runs: RunSet
    ids: list[int]
    columns: int


@dataclass(frozen=True)
class Finding:
    """The outcome of an analysis.

    Attributes:
        title: of the report.
        tables: by name, for MLflow.
        sections: of the report and of the text for a terminal.
        remark: how to read it, and which runs it is made from.
        suspects: one for each set of labels.
        galleries: pictures of examples; whoever has the images paints them.
        sources: what it read beside the runs, by name the SHA-256 of its content.
    """

    title: str
    tables: dict[str, pd.DataFrame]
    sections: list[Section]
    remark: str
    suspects: list[Suspects] = field(default_factory=list)
    galleries: list[Gallery] = field(default_factory=list)
    sources: Mapping[str, str] = field(default_factory=dict)

    def text(self) -> str:
        """The sections' tables for a terminal."""
        return "\n\n".join(f"{section.title}\n{aligned(*section.cells)}" for section in self.sections)


ANALYSES: Registry[Callable[..., Finding]] = Registry("analysis", "memest.analyses")


def aligned(header: list[str], rows: list[list[str]]) -> str:
    """Columns of text: the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip()
        for row in [header, *rows]
    )
