"""The outcome of an analysis: tables, and the report that says what is in them.

An analysis is one function of a `RunSet`, registered in `ANALYSES`; its keywords are its settings. Runs are
averaged by `groups` alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from memest.analysis.groups import older_definitions
from memest.analysis.record import RunRecord
from memest.grammar.registry import Registry
from memest.reports.sections import Page, Section
from memest.reports.text import page_text

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Finding:
    """The outcome of an analysis.

    Attributes:
        title: of the report.
        tables: by name, for MLflow. A table of single runs has a column `run` (or `run_a`, `run_b`), any
            other a column `seeds`: how many training seeds a row rests on.
        sections: of the report and of the text for a terminal.
        remark: how to read it, and which runs it is made from.
        sources: what it read beside the runs, by name the SHA-256 of its content.
        said: the answer of all sections together, where there are several.
    """

    title: str
    tables: dict[str, pd.DataFrame]
    sections: list[Section]
    remark: str
    sources: Mapping[str, str] = field(default_factory=dict)
    said: str = ""

    @property
    def answer(self) -> str:
        """The answer in words: of all sections together, else of the first."""
        return self.said or next((section.said for section in self.sections if section.said), "")

    @property
    def page(self) -> Page:
        """The report."""
        return Page(self.title, self.sections, self.remark, self.said)

    def text(self) -> str:
        """The report for a terminal."""
        return page_text(self.page)


ANALYSES: Registry[Callable[..., Finding]] = Registry("analysis", "memest.analyses")


def remark(reading: str, runs: Iterable[RunRecord], *more: str) -> str:
    """How to read a finding, what else is to be said, and the runs it is made from."""
    used = list({run.id: run for run in runs}.values())
    parts = [reading, *more, older_definitions(used), f"Runs: {', '.join(run.id for run in used)}."]
    return " ".join(part.strip() for part in parts if part)
