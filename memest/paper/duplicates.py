"""The table of duplicates: do methods find both members of a pair, the copy alone, its twin alone?

    runs → matched runs → studies → rows (one per seed, method and what is looked for) → table → sections

In a pair (a, b) of conflicting duplicates a shows b's image under another class. The published table counts
both as positives. Here the copy a is also judged with every b left out, and the twin b with every a left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from memest.analysis.answers import first, highest, notes
from memest.analysis.averages import records, seeds_column, titled
from memest.analysis.columns import tabled
from memest.analysis.evaluated import Judged, ranked
from memest.analysis.finding import ANALYSES, Finding, remark
from memest.analysis.matched_runs import MatchedRuns, Methods, Study, matched_runs, studies
from memest.analysis.record import RunRecord
from memest.analysis.runset import RunSet
from memest.analysis.studies import auroc_picture, judged_rows, judged_table, p_values
from memest.errors import NoRunsError
from memest.grammar.spec import Spec
from memest.ids import Ids
from memest.paper.beside import with_departures, with_published
from memest.paper.methods import labelled, ordered
from memest.paper.published import duplicates as published
from memest.reports.sections import Section
from memest.reports.tables import Column, Table, fixed, mean_and_spread, p_value, signed
from memest.store.tables import Columns

if TYPE_CHECKING:
    import pandas as pd

BOTH, COPY, TWIN = "both", "copy", "twin"
_SOUGHT = {
    BOTH: "both members of a pair",
    COPY: "the copies, twins left out",
    TWIN: "the twins, copies left out",
}
_READING = (
    "both: the copy a and its twin b are what is looked for, as in the published table; copy: a alone, "
    "every b left out; twin: b alone, every a left out. Same-label duplicates have right labels: a method "
    "of wrong labels should not find them. AUROC: mean over training seeds ± their standard deviation. − "
    "csl: the mean difference of AUROCs for both members; p: the largest of the seeds' paired DeLong tests "
    "of it, where all have one sign. published: Ravikumar et al. 2025, shown for runs of its recipe; its "
    "In-Conf. is taken from k-fold probabilities."
)


@ANALYSES.register
def duplicates(runs: RunSet) -> Finding:
    """AUROC of every method for conflicting and for same-label duplicates, beside the published numbers.

    Raises:
        NoRunsError: no run has duplicates.
    """
    found = matched_runs(runs, _has_duplicates)
    judged = studies(found.of)
    used = [run for study in judged for matched in study.matched for run in matched.runs]
    rows = duplicates_rows(judged)
    table = with_departures(judged_table(rows, ["target"]), used)
    table = with_published(table, published, lambda row: row["target"] == BOTH)
    return Finding(
        title="Which methods find duplicates?",
        tables={"duplicates": table, "duplicates_per_seed": rows},
        sections=[
            _section(number, str(title), part, rows[rows.group == title])
            for number, (title, part) in enumerate(table.groupby("group", sort=False))
        ],
        remark=remark(_READING, used, *(f"{line}." for line in found.apart)),
    )


def duplicates_rows(judged: Sequence[Study]) -> pd.DataFrame:
    """One row per seed, method and what is looked for (`target`); else the columns of `judged_rows`.

    Raises:
        NoRunsError: there are no such runs.
    """
    import pandas as pd

    tables = [
        judged_rows(judged, lambda matched: matched.methods(tabled), partial(_judge, target))
        for target in _SOUGHT
    ]
    table = pd.concat(
        [rows.assign(target=target) for target, rows in zip(_SOUGHT, tables, strict=True)], ignore_index=True
    )
    if table.empty:
        raise NoRunsError("no run has duplicates; train with --corruption conflicting_duplicates")
    return table


def members(truth: Columns, ids_N: NDArray[np.integer[Any]]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which of the examples are copies, and which are the twins they show, (N,) each."""
    shown = truth["partner_id"] >= 0
    examples = Ids(ids_N, "the run")
    return examples.among(truth["id"][shown]), examples.among(truth["partner_id"][shown])


def _has_duplicates(run: RunRecord) -> bool:
    return Spec.parse(run.tags.get("corruption", "none")).name.endswith("_duplicates")


def _judge(target: str, matched: MatchedRuns, methods: Methods) -> Mapping[str, Judged]:
    """The methods of matched runs on what remains when the members not looked for are left out."""
    facts, values = matched.values(methods)
    copies_N, twins_N = members(matched.lead.sheet.truth(), facts["id"])
    positives_N, kept_N = {
        BOTH: (copies_N | twins_N, np.ones(len(copies_N), bool)),
        COPY: (copies_N, ~twins_N),
        TWIN: (twins_N, ~copies_N),
    }[target]
    return ranked(methods, values, positives_N, kept_N)


def _section(number: int, title: str, cell: pd.DataFrame, rows: pd.DataFrame) -> Section:
    pairs = int(cell[cell.target == COPY].positives.max())
    pictures = [
        auroc_picture(
            f"duplicates-{number}-{target}",
            caption,
            cell[cell.target == target],
            rows[rows.target == target],
            labelled,
            {row["label"]: row["published"] for row in records(cell) if row["published"] > 0}
            if target == BOTH
            else None,
            folded=target != BOTH,
        )
        for target, caption in _SOUGHT.items()
    ]
    heading = f"{titled(title, cell, 'seed')}: {pairs:,} pairs among {int(cell.examples.max()):,}"
    names, both = ordered(dict.fromkeys(cell.label)), cell[cell.target == BOTH]
    chosen = set(both.label.iloc[first(both)])
    return Section(
        heading,
        _table(cell, names),
        pictures,
        said=highest(both, "both members of a pair to be found"),
        first=[place for place, name in enumerate(names) if name in chosen],
        notes=notes(both),
    )


def _table(cell: pd.DataFrame, names: list[str]) -> Table:
    of = {target: cell[cell.target == target].set_index("label").loc[names] for target in _SOUGHT}
    aurocs = (
        Column(target, list(zip(part.auroc.tolist(), part.spread.tolist(), strict=True)), mean_and_spread)
        for target, part in of.items()
    )
    return Table(
        (
            Column("method", [labelled(name) for name in names]),
            *seeds_column(of[BOTH]),
            *aurocs,
            Column("published", of[BOTH].published.tolist(), fixed(4)),
            Column("− csl", of[BOTH].minus_csl.tolist(), signed(4)),
            Column("p", p_values(of[BOTH]), p_value),
        )
    )
