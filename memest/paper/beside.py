"""Our numbers beside the paper's: where a run departs from it, and the published value where it does not."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from memest.analysis.averages import records
from memest.analysis.columns import epochs_covered, is_summary
from memest.analysis.record import RunRecord
from memest.paper.published import departures
from memest.summaries import needs_of

if TYPE_CHECKING:
    import pandas as pd

Chosen = Callable[[dict[str, Any]], bool]


_FROM_GRADIENTS = ("input_gradient", "curvature")


def departures_of(run: RunRecord, method: str = "") -> str:
    """In what a run is not the paper's, in words; empty if it is.

    Args:
        method: column that it is asked for: the paper measures gradients at every epoch.
    """
    header = run.sheet.manifest.header
    found = departures(header.config, header.count, len(header.classes))
    return "; ".join([*found, *_at_few_epochs(run, method.partition(" of ")[0])])


def _at_few_epochs(run: RunRecord, method: str) -> list[str]:
    if (
        not method
        or not is_summary(method)
        or not any(need.startswith(_FROM_GRADIENTS) for need in needs_of(method))
    ):
        return []
    covered, epochs = len(epochs_covered(run, method)), run.sheet.manifest.header.config.get("epochs", 0)
    return [f"gradients measured at {covered} of {epochs} epochs"] if 0 < covered < epochs else []


def with_departures(table: pd.DataFrame, runs: Iterable[RunRecord]) -> pd.DataFrame:
    """The table with the column `departs`: in what the first of the runs of a row is not the paper's.

    Args:
        table: with the columns `method` and `runs`, ids separated by commas, or `summary` and `run`.
        runs: among them those of the table.
    """
    of = {run.id: run for run in runs}
    ids = table.runs.str.partition(", ")[0] if "runs" in table else table.run
    rows = list(zip(ids, table.method if "method" in table else table.summary, strict=True))
    known = {row: departures_of(of[row[0]], row[1]) for row in dict.fromkeys(rows)}
    return table.assign(departs=[known[row] for row in rows])


def with_published(
    table: pd.DataFrame, published: Callable[[str, str, str], float | None], where: Chosen = lambda row: True
) -> pd.DataFrame:
    """The table with the column `published`: NaN where a run departs from the paper, or it has no number.

    Args:
        table: of `judged_table`, with the column `departs`.
        published: dataset, corruption and method → the paper's value.
        where: which rows the paper's table speaks of.
    """
    values = [
        published(row["dataset"], row["corruption"], row["method"])
        if where(row) and not row["departs"]
        else None
        for row in records(table)
    ]
    return table.assign(published=np.array(values, dtype=np.float64))
