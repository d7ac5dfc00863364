"""How well each summary finds the labels that were changed, over seeds and models.

runs → groups → rows (one per run and summary) → table (one per group and summary) → sections of a report
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from memest.analysis.answers import answer, first, notes, overall
from memest.analysis.averages import titled
from memest.analysis.consensus import suspects
from memest.analysis.finding import ANALYSES, Finding, remark
from memest.analysis.groups import groups
from memest.analysis.matched_runs import MatchedRuns, Study
from memest.analysis.record import RunRecord
from memest.analysis.runset import RunSet, streamed
from memest.analysis.studies import (
    auroc_picture,
    judged_rows,
    judged_table,
    method_columns,
)
from memest.detect import rank
from memest.errors import NoRunsError
from memest.metrics import Floats
from memest.reports import figures
from memest.reports.sections import Picture, Section

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_CURVES = ("csl", "seen/csl", "aum", "final_loss", "first_learned")
_READING = (
    "AUROC, AP, FPR95 and P@k are means over runs that differ in their training seed alone; their spread is "
    "shown as it is. What rests on fewer seeds than the rest of a table stands below it. − csl: the mean "
    "difference of AUROCs on the same run. p: the largest of the runs' paired DeLong tests of it, where all "
    "have one sign; ≤: an upper bound, where `score` added one of the two."
)


@ANALYSES.register
def detection(runs: RunSet) -> Finding:
    """AUROC and its company for every summary against the stored truth, over seeds and models.

    Raises:
        NoRunsError: no run has changed labels.
    """
    studies = _studies(runs)
    rows = _rows(studies)
    table = judged_table(rows)
    judged = [study for study in studies if study.group.title in set(rows.group)]
    return Finding(
        title="Which summaries find the changed labels?",
        tables={"detection": _named(table), "detection_per_run": _named(rows)},
        sections=[
            _section(number, study, table[table.group == study.group.title], rows)
            for number, study in enumerate(judged)
        ],
        remark=remark(_READING, (run for study in judged for run in study.group.runs)),
        said=overall(table),
    )


def detection_rows(runs: Iterable[RunRecord]) -> pd.DataFrame:
    """One row per run and summary: how well it ranks changed labels above kept ones.

    The columns of `judged_rows`, its `method` and `positives` called `summary` and `changed`.

    Raises:
        NoRunsError: no run has changed labels.
    """
    return _named(_rows(_studies(runs)))


def _rows(studies: list[Study]) -> pd.DataFrame:
    rows = judged_rows(
        studies, lambda matched: {name: (matched.lead, name) for name in matched.lead.summaries}
    )
    if rows.empty:
        count = sum(len(study.matched) for study in studies)
        raise NoRunsError.without(
            "changed labels to detect; train with --corruption 'symmetric_noise(rate=0.05)', or look at the "
            "suspicious table of each run in the MLflow UI",
            count,
        )
    return rows


def precision_curve(summary: str, values_N: Floats, changed_N: NDArray[np.bool_]) -> Floats:
    """Precision among the k most suspicious for k = 1 … N, (N,)."""
    hits = np.cumsum(changed_N[rank(summary, values_N)])
    return np.asarray(hits / np.arange(1, len(hits) + 1))


def _studies(runs: Iterable[RunRecord]) -> list[Study]:
    """Every run alone, whatever its protocol, by what may be averaged."""
    return [Study(group, [MatchedRuns(run) for run in group.runs]) for group in groups(runs)]


def _named(table: pd.DataFrame) -> pd.DataFrame:
    return table.rename(columns={"method": "summary", "positives": "changed"})


def _section(number: int, study: Study, part: pd.DataFrame, rows: pd.DataFrame) -> Section:
    mine = rows[rows.group == study.group.title]
    top = part.iloc[0]
    return Section(
        f"{titled(study.group.title, part)}: {top.positives:,} of {top.examples:,} labels changed",
        method_columns(part, part.label.tolist(), "summary"),
        [
            auroc_picture(f"auroc-{number}", study.group.title, part, mine),
            Picture(
                f"depth-{number}",
                "How far down the list it pays to look, mean over seeds",
                partial(_depths, study.group.runs, mine),
                folded=True,
            ),
            *suspects(study.group, f"suspicious-{number}"),
        ],
        said=answer(part),
        first=first(part),
        notes=notes(part),
    )


def _depths(runs: RunSet, rows: pd.DataFrame) -> Figure:
    """Mean precision at each depth over the runs of one group, of a few summaries."""
    curves: dict[str, Floats] = {}
    for label, same in rows[rows.method.isin(_CURVES)].groupby("label", sort=False):
        name, having = same.method.iloc[0], [run for run in runs if run.id in set(same.run)]
        total: Floats = np.sum([*streamed(partial(_curve, name), having)], axis=0)
        curves[str(label)] = total / len(having)
    changed = runs[0].read(["changed"])["changed"]
    return figures.depth_curves(curves, float(np.mean(changed)))


def _curve(summary: str, run: RunRecord) -> Floats:
    columns = run.read([summary, "changed"])
    return precision_curve(summary, columns[summary], columns["changed"].astype(bool))
