"""What an analysis gives: text for the terminal, tables and figures for MLflow, one report.

Depends on the ground floor; an analysis is one function registered in `ANALYSES`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from memest.analysis.report import Report
from memest.analysis.runset import RunSet
from memest.registry import Registry

if TYPE_CHECKING:
    import pandas as pd


@dataclass
class Finding:
    """The outcome of an analysis.

    Attributes:
        text: for a terminal.
        report: one page.
        tables: by name.
        figures: PNG or SVG bytes by file name.
        suspects: for each set of labels, its runs and the ids they suspect most, most suspicious first.
    """

    text: str
    report: Report
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    figures: dict[str, bytes] = field(default_factory=dict)
    suspects: list[tuple[RunSet, list[int]]] = field(default_factory=list)


ANALYSES: Registry[Callable[[RunSet], Finding]] = Registry("analysis")
