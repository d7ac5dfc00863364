"""The table of mislabel detection: methods × datasets and rates, beside the published numbers.

runs → matched runs → studies → rows (one per seed and method) → table (one per study and method) → sections
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from memest.analysis.answers import answer, first, notes, overall
from memest.analysis.averages import records, titled
from memest.analysis.columns import tabled
from memest.analysis.evaluated import Judged, ranked
from memest.analysis.finding import ANALYSES, Finding, remark
from memest.analysis.groups import setting_text
from memest.analysis.matched_runs import MatchedRuns, Methods, Study, matched_runs, studies
from memest.analysis.record import RunRecord
from memest.analysis.runset import RunSet
from memest.analysis.studies import (
    auroc_picture,
    judge_stored,
    judged_rows,
    judged_table,
    method_columns,
)
from memest.errors import NoRunsError
from memest.grammar.spec import Spec
from memest.grammar.values import Count
from memest.paper.beside import with_departures, with_published
from memest.paper.methods import in_paper, labelled, ordered
from memest.paper.published import mislabeled as published
from memest.reports.sections import Section
from memest.reports.tables import Column, Table, fixed, mean_and_spread

if TYPE_CHECKING:
    import pandas as pd

_TABLE = ["dataset", "limit", "model", "protocol", "epochs"]
"""What the studies side by side in one table have in common."""
_READING = (
    "AUROC: mean over training seeds ± their standard deviation, of which three seeds make no test; the "
    "per-seed table has each seed with its 95 % interval. A mean over fewer seeds than others of its column "
    "says so. − csl: the mean difference of AUROCs on the same labels; p: the largest of the seeds' paired "
    "DeLong tests of it, where all have one sign; ≤: an upper bound, where csl is of another run "
    "(`paired=true` reads the columns and gives DeLong's own). published: "
    "Ravikumar et al. 2025, shown for runs of its recipe. seconds: mean over seeds, as measured by the runs, "
    "of training and the method's scoring, from nothing."
)


@ANALYSES.register
def mislabeled(
    runs: RunSet,
    *,
    methods: Literal["all", "paper"] = "all",
    paired: bool = False,
    bootstrap: bool = False,
    resamples: Count = 1000,
) -> Finding:
    """AUROC of every method on every dataset and rate, over seeds, beside the published numbers.

    Standard, k-fold and second-split runs are joined by dataset, corruption, model, seed and labels.

    Args:
        methods: all columns the runs have, or those that the paper compares.
        paired: read the columns, so that methods of different runs are compared by the paired test too.
        bootstrap: add percentile bootstrap intervals to the per-seed table; reads the columns.
        resamples: of the bootstrap.

    Raises:
        NoRunsError: no run has changed labels.
    """
    found = matched_runs(runs, changes_labels)
    judged = studies(found.of)
    resampled = resamples if bootstrap else 0

    def rank(matched: MatchedRuns, chosen: Methods) -> Mapping[str, Judged]:
        return _ranked(matched, chosen, resampled)

    rows = judged_rows(
        judged,
        lambda matched: matched.methods(in_paper if methods == "paper" else tabled),
        rank if paired or bootstrap else judge_stored,
    )
    if rows.empty:
        raise NoRunsError(
            "no run has changed labels to detect; train with --corruption 'symmetric_noise(rate=0.05)'"
        )
    table = with_published(with_departures(judged_table(rows), _runs(judged)), published)
    return Finding(
        title="Which methods find the changed labels?",
        tables={"mislabeled": table, "mislabeled_per_seed": rows},
        sections=[
            section
            for number, (_, part) in enumerate(table.groupby(_TABLE, sort=True))
            for section in _sections(number, part, rows)
        ],
        remark=remark(_READING, _runs(judged), *(f"{line}." for line in found.apart)),
        said=overall(table),
    )


def changes_labels(run: RunRecord) -> bool:
    """Whether a run was trained on changed labels; duplicates have a table of their own."""
    name = Spec.parse(run.tags.get("corruption", "none")).name
    return name != "none" and not name.endswith("_duplicates")


def _runs(judged: list[Study]) -> list[RunRecord]:
    return [run for study in judged for matched in study.matched for run in matched.runs]


def _ranked(matched: MatchedRuns, methods: Methods, resamples: int) -> Mapping[str, Judged]:
    """The methods of matched runs from their columns; none where nothing or everything was changed."""
    facts, values = matched.values(methods)
    changed_N = facts["changed"].astype(bool)
    return ranked(methods, values, changed_N, resamples=resamples) if 0 < changed_N.mean() < 1 else {}


def _sections(number: int, part: pd.DataFrame, rows: pd.DataFrame) -> Iterator[Section]:
    """The table of all corruptions side by side, then one of the details of each."""
    cells = list(part.groupby("group", sort=False))
    title = setting_text(records(part)[0] | {"corruption": ""})
    yield Section(f"{title}: AUROC", _side_by_side([cell for _, cell in cells]))
    for place, (group, cell) in enumerate(cells):
        theirs = {row["label"]: row["published"] for row in records(cell) if row["published"] > 0}
        name, mine = f"mislabeled-{number}-{place}", rows[rows.group == group]
        picture = auroc_picture(name, str(group), cell, mine, labelled, theirs)
        heading, table = titled(str(group), cell, "seed"), _details(cell)
        said, below = answer(cell), notes(cell)
        yield Section(heading, table, [picture], said=said, first=first(cell), notes=below)


def _side_by_side(cells: list[pd.DataFrame]) -> Table:
    labels = {row["label"]: row["method"] for cell in cells for row in records(cell)}
    names = ordered(labels)
    columns = [Column("method", [labelled(name) for name in names])]
    for cell in cells:
        head, of = _head(cell), {row["label"]: row for row in records(cell)}
        most = int(cell.seeds.max())
        values = [_mean(of.get(name), most) for name in names]
        columns.append(Column(head, values, _of_seeds))
        if cell.published.notna().any():
            theirs = [of[name]["published"] if name in of else None for name in names]
            columns.append(Column(f"published {head}", theirs, fixed(4)))
    return Table(tuple(columns))


def _head(cell: pd.DataFrame) -> str:
    """The corruption of a study, and in what it differs from others of the same."""
    first = cell.iloc[0]
    return _column(first.corruption) + (f" ({first.differs})" if first.differs else "")


def _mean(row: dict[str, Any] | None, most: int) -> tuple[Any, Any, str]:
    """A mean, its spread, and over how many seeds, where others of the column rest on more."""
    if row is None:
        return None, None, ""
    fewer = f" ({row['seeds']} of {most} seeds)" if row["seeds"] < most else ""
    return row["auroc"], row["spread"], fewer


def _of_seeds(value: Any) -> str:
    mean, spread, fewer = value
    return f"{mean_and_spread((mean, spread))}{fewer}"


def _details(cell: pd.DataFrame) -> Table:
    base = cell[cell.method == "csl"].seconds
    csl = float(base.iloc[0]) if len(base) else np.nan
    seconds = cell.seconds.tolist()
    costs = Column("seconds", seconds, fixed(1)), Column("× csl", [s / csl for s in seconds], fixed(2))
    return Table((*method_columns(cell, [labelled(label) for label in cell.label]).columns, *costs))


def _column(corruption: object) -> str:
    """A corruption as the head of a column: `5 %` for symmetric noise, else the spec."""
    spec = Spec.parse(str(corruption))
    return f"{100 * spec.settings['rate']:g} %" if spec.name == "symmetric_noise" else str(spec)
