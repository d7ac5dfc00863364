"""Our numbers beside the paper's: where a run departs from it, and the published value where it does not."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from memest.analysis.averages import records
from memest.analysis.record import RunRecord
from memest.paper.published import departures

if TYPE_CHECKING:
    import pandas as pd

Chosen = Callable[[dict[str, Any]], bool]


def departures_of(run: RunRecord) -> str:
    """In what a run is not the paper's, in words; empty if it is."""
    header = run.sheet.manifest.header
    return "; ".join(departures(header.config, header.count, len(header.classes)))


def with_departures(table: pd.DataFrame, runs: Iterable[RunRecord]) -> pd.DataFrame:
    """The table with the column `departs`: in what the first of the runs of a row is not the paper's.

    Args:
        table: with the column `runs`, ids separated by commas, or `run`.
        runs: among them those of the table.
    """
    of = {run.id: run for run in runs}
    ids = table.runs.str.partition(", ")[0] if "runs" in table else table.run
    known = {id_: departures_of(of[id_]) for id_ in ids.unique()}
    return table.assign(departs=ids.map(known))


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
