"""What a report is made of: sections with a typed table and pictures, which a renderer turns into a page.

Pictures are painted when a renderer asks for them, so that a report that is only printed paints nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from memest.errors import MemestError
from memest.reports.tables import Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Picture:
    """A figure that is painted when it is wanted.

    Attributes:
        name: of its file, without an ending; unique in a report.
        caption: what it shows.
        paint: makes it.
        folded: a page shows it when the reader asks for it.
    """

    name: str
    caption: str
    paint: Callable[[], Figure]
    folded: bool = False


@dataclass(frozen=True)
class Section:
    """A part of a report.

    Attributes:
        title: its heading.
        table: its numbers; none for pictures alone.
        pictures: below the table.
        said: the answer in one sentence, above the table.
        first: which rows are shown before the reader asks for the others; empty: all.
        notes: how to read the table, below it; on a page each is shown where it comes first.
    """

    title: str
    table: Table | None = None
    pictures: Sequence[Picture] = ()
    said: str = ""
    first: Sequence[int] = ()
    notes: Sequence[str] = ()

    def parts(self) -> tuple[list[list[str]], list[list[str]]]:
        """The rows that are shown at once, and those that are folded away: none where it would be one."""
        rows = self.table.rows if self.table else []
        chosen = set(self.first) if self.first and len(self.first) < len(rows) - 1 else set(range(len(rows)))
        shown = [row for place, row in enumerate(rows) if place in chosen]
        return shown, [row for place, row in enumerate(rows) if place not in chosen]


@dataclass(frozen=True)
class Page:
    """A report.

    Attributes:
        title: its heading.
        sections: in order.
        remark: how to read it, and what it is made from.
        said: the answer of all sections together, where there are several.
    """

    title: str
    sections: Sequence[Section]
    remark: str = ""
    said: str = ""

    def notes(self) -> list[list[str]]:
        """For each section those of its notes that no earlier one has."""
        known: set[str] = set()
        found = []
        for section in self.sections:
            found.append([note for note in section.notes if note not in known])
            known.update(section.notes)
        return found

    @property
    def pictures(self) -> list[Picture]:
        """Those of all sections."""
        return [picture for section in self.sections for picture in section.pictures]


Painted: TypeAlias = "Mapping[str, Figure | str]"
"""By the name of a picture the figure, or why it cannot be had here, such as images that are elsewhere."""


def painted(page: Page) -> Painted:
    """Every picture of a report."""
    found: dict[str, Figure | str] = {}
    for picture in page.pictures:
        try:
            found[picture.name] = picture.paint()
        except MemestError as error:
            found[picture.name] = str(error)
    return found
