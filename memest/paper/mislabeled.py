"""The table of mislabel detection: methods × datasets and rates, beside the published numbers.

    runs → trials → rows (one per trial and method) → table (one per cell and method) → sections

Depends on `trials`, `judged`, `published`, pandas.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from memest.analysis.columns import tabled
from memest.analysis.finding import ANALYSES, Cells, Finding, Section
from memest.analysis.frames import records
from memest.analysis.runset import RunRecord, RunSet, in_turns
from memest.analysis.trials import STUDY, Trial, trials
from memest.errors import NoRunsError
from memest.grammar.spec import Spec
from memest.grammar.values import Count
from memest.paper.judged import (
    averaged,
    departures_of,
    dotted,
    judge,
    mean_and_spread,
    p_text,
    with_published,
)
from memest.paper.methods import in_paper, labelled, ordered
from memest.paper.published import mislabeled as published

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

COLUMN = "corruption"
ROWS = [axis for axis in STUDY if axis != COLUMN]
"""What the cells of one table have in common; its columns are the corruptions."""
_READING = (
    "AUROC: mean over seeds ± their standard deviation, of which three seeds make no test; the per-seed "
    "table has each seed with its 95 % interval. p: the largest of the seeds' paired DeLong tests against "
    "csl on the same labels. published: Ravikumar et al. 2025, shown for runs of its recipe. seconds: mean "
    "over seeds, as measured by the runs, of training and the method's scoring, from nothing."
)


@ANALYSES.register
def mislabeled(
    runs: RunSet,
    *,
    methods: Literal["all", "paper"] = "all",
    bootstrap: bool = False,
    resamples: Count = 1000,
) -> Finding:
    """AUROC of every method on every dataset and rate, over seeds, beside the published numbers.

    Standard, k-fold and second-split runs are joined by dataset, corruption, model, seed and labels.

    Args:
        methods: all columns the runs have, or those that the paper compares.
        bootstrap: add percentile bootstrap intervals to the per-seed table.
        resamples: of the bootstrap.

    Raises:
        NoRunsError: no run has changed labels.
    """
    found = trials(runs, _changes_labels)
    rows = mislabeled_rows(found.of, methods == "paper", resamples if bootstrap else 0)
    table = mislabeled_table(rows)
    ids = ", ".join(dict.fromkeys(run.id for trial in found.of for run in trial.runs))
    return Finding(
        title="Which methods find the changed labels?",
        tables={"mislabeled": table, "mislabeled_per_seed": rows},
        sections=[
            section
            for number, (_, part) in enumerate(table.groupby([*ROWS], sort=True))
            for section in _sections(number, part, rows)
        ],
        remark=" ".join([_READING, *(f"{line}." for line in found.apart), f"Runs: {ids}."]),
    )


def mislabeled_rows(found: Sequence[Trial], paper_only: bool = False, resamples: int = 0) -> pd.DataFrame:
    """One row per trial and method; the columns of `judge`, and `departs`: from the paper, in words.

    Raises:
        NoRunsError: no trial has both changed and kept labels.
    """
    import pandas as pd

    def rows(trial: Trial) -> list[dict[str, Any]]:
        methods = trial.methods(in_paper if paper_only else tabled)
        facts, values = trial.values(methods)
        changed_N = facts["changed"].astype(bool)
        if not 0 < changed_N.mean() < 1:
            return []
        return [
            row | {"departs": departures_of(methods[row["method"]][0])}
            for row in judge(trial, methods, values, changed_N, resamples=resamples)
        ]

    table = pd.DataFrame([row for some in in_turns(rows, found) for row in some])
    if table.empty:
        raise NoRunsError(
            "no run has changed labels to detect; train with --corruption 'symmetric_noise(rate=0.05)'"
        )
    return table


def mislabeled_table(rows: pd.DataFrame) -> pd.DataFrame:
    """One row per cell and method: AUROC over seeds, and the published one for runs of its recipe."""
    return with_published(averaged(rows, [*STUDY, "method"]), published)


def _changes_labels(run: RunRecord) -> bool:
    name = Spec.parse(run.tags.get("corruption", "none")).name
    return name != "none" and not name.endswith("_duplicates")


def _sections(number: int, part: pd.DataFrame, rows: pd.DataFrame) -> Iterator[Section]:
    """The table of all corruptions side by side, then one of the details of each."""
    axes = part.iloc[0]
    limit = f" ({axes.limit} images)" if axes.limit not in ("", "0") else ""
    title = f"{axes.dataset}{limit}, {axes.model}, {axes.epochs} epochs"
    yield Section(f"{title}: AUROC", _side_by_side(part), dict)
    for place, (corruption, cell) in enumerate(part.groupby("corruption", sort=True)):
        mine = rows.merge(cell[[*STUDY]].drop_duplicates(), on=[*STUDY])
        count = mine.groupby(["seed", "labels"]).ngroups
        heading = f"{title}, {_column(corruption)}, {count} seed{'s' if count > 1 else ''}"
        yield Section(heading, _details(cell), partial(_paint, f"mislabeled-{number}-{place}", cell, mine))


def _side_by_side(part: pd.DataFrame) -> Cells:
    names = ordered(dict.fromkeys(part.method))
    cells: dict[str, dict[str, str]] = {}
    for corruption, cell in part.groupby("corruption", sort=True):
        of = {row["method"]: row for row in records(cell)}
        cells[_column(corruption)] = {
            name: mean_and_spread(row["auroc"], row["spread"]) for name, row in of.items()
        }
        if cell.published.notna().any():
            theirs = {name: f"{row['published']:.4f}" for name, row in of.items() if row["published"] > 0}
            cells[f"published {_column(corruption)}"] = theirs
    header = ["method", *cells]
    return header, [[labelled(name), *(column.get(name, "") for column in cells.values())] for name in names]


def _details(cell: pd.DataFrame) -> Cells:
    header = ["method", "AUROC", "over seeds", "AP", "FPR95", "P@changed", "p (vs csl)", "seconds", "× csl"]
    base = cell[cell.method == "csl"].seconds
    csl = float(base.iloc[0]) if len(base) else np.nan
    rows = [
        [
            labelled(row["method"]),
            f"{row['auroc']:.4f}",
            f"{row['lowest']:.4f}–{row['highest']:.4f}",
            f"{row['average_precision']:.3f}",
            f"{row['fpr95']:.3f}",
            f"{row['precision']:.3f}",
            p_text(row["largest_p_vs_csl"]),
            "" if np.isnan(row["seconds"]) else f"{row['seconds']:.1f}",
            "" if np.isnan(row["seconds"] / csl) else f"{row['seconds'] / csl:.2f}",
        ]
        for row in records(cell.sort_values("auroc", ascending=False))
    ]
    return header, rows


def _paint(name: str, cell: pd.DataFrame, rows: pd.DataFrame) -> dict[tuple[str, str], Figure]:
    caption = f"{_column(cell.iloc[0].corruption)}: AUROC of each seed with its 95 % interval"
    return {(name, caption): dotted(cell, rows)}


def _column(corruption: object) -> str:
    """A corruption as the head of a column: `5 %` for symmetric noise, else the spec."""
    spec = Spec.parse(str(corruption))
    return f"{100 * spec.settings['rate']:g} %" if spec.name == "symmetric_noise" else str(spec)
