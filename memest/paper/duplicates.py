"""The table of duplicates: do methods find both members of a pair, the copy alone, its twin alone?

    runs → trials → rows (one per trial, method and what is looked for) → table → sections

In a pair (a, b) of conflicting duplicates a shows b's image under another class. The published table counts
both as positives. Here the copy a is also judged with every b left out, and the twin b with every a left out.
Depends on `trials`, `judged`, `published`, pandas.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from memest.analysis.columns import tabled
from memest.analysis.finding import ANALYSES, Cells, Finding, Section
from memest.analysis.frames import records
from memest.analysis.runset import RunRecord, RunSet, in_turns
from memest.analysis.trials import STUDY, Trial, trials
from memest.errors import NoRunsError
from memest.grammar.spec import Spec
from memest.ids import Ids
from memest.paper.judged import (
    averaged,
    departures_of,
    dotted,
    judge,
    mean_and_spread,
    p_text,
    with_published,
)
from memest.paper.methods import labelled, ordered
from memest.paper.published import duplicates as published
from memest.store.tables import Columns

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

BOTH, COPY, TWIN = "both", "copy", "twin"
_SOUGHT = {
    BOTH: "both members of a pair",
    COPY: "the copies, twins left out",
    TWIN: "the twins, copies left out",
}
_READING = (
    "both: the copy a and its twin b are what is looked for, as in the published table; copy: a alone, "
    "every b left out; twin: b alone, every a left out. Same-label duplicates have right labels: a method "
    "of wrong labels should not find them. AUROC: mean over seeds ± their standard deviation. p: the "
    "largest of the seeds' paired DeLong tests against csl, for both members. published: Ravikumar et al. "
    "2025, shown for runs of its recipe; its In-Conf. is taken from k-fold probabilities."
)


@ANALYSES.register
def duplicates(runs: RunSet) -> Finding:
    """AUROC of every method for conflicting and for same-label duplicates, beside the published numbers.

    Raises:
        NoRunsError: no run has duplicates.
    """
    found = trials(runs, _has_duplicates)
    rows = duplicates_rows(found.of)
    table = duplicates_table(rows)
    ids = ", ".join(dict.fromkeys(run.id for trial in found.of for run in trial.runs))
    return Finding(
        title="Which methods find duplicates?",
        tables={"duplicates": table, "duplicates_per_seed": rows},
        sections=list(_sections(table, rows)),
        remark=" ".join([_READING, *(f"{line}." for line in found.apart), f"Runs: {ids}."]),
    )


def duplicates_rows(found: Sequence[Trial]) -> pd.DataFrame:
    """One row per trial, method and what is looked for (`target`); else the columns of `judge`.

    Raises:
        NoRunsError: there is no trial.
    """
    import pandas as pd

    def rows(trial: Trial) -> list[dict[str, Any]]:
        methods = trial.methods(tabled)
        facts, values = trial.values(methods)
        copies_N, twins_N = members(trial.lead.sheet.truth(), facts["id"])
        targets = {
            BOTH: (copies_N | twins_N, np.ones(len(copies_N), bool)),
            COPY: (copies_N, ~twins_N),
            TWIN: (twins_N, ~copies_N),
        }
        return [
            row | {"target": target, "departs": departures_of(methods[row["method"]][0])}
            for target, (positives_N, kept_N) in targets.items()
            for row in judge(trial, methods, values, positives_N, kept_N)
        ]

    table = pd.DataFrame([row for some in in_turns(rows, found) for row in some])
    if table.empty:
        raise NoRunsError("no run has duplicates; train with --corruption conflicting_duplicates")
    return table


def duplicates_table(rows: pd.DataFrame) -> pd.DataFrame:
    """One row per cell, method and target: AUROC over seeds, and the published one for both members."""
    table = averaged(rows, [*STUDY, "target", "method"])
    return with_published(table, published, lambda row: row["target"] == BOTH)


def members(truth: Columns, ids_N: NDArray[np.integer[Any]]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which of the examples are copies, and which are the twins they show, (N,) each."""
    shown = truth["partner_id"] >= 0
    examples = Ids(ids_N, "the run")
    return examples.among(truth["id"][shown]), examples.among(truth["partner_id"][shown])


def _has_duplicates(run: RunRecord) -> bool:
    return Spec.parse(run.tags.get("corruption", "none")).name.endswith("_duplicates")


def _sections(table: pd.DataFrame, rows: pd.DataFrame) -> Iterator[Section]:
    for number, (_, cell) in enumerate(table.groupby([*STUDY], sort=True)):
        first, mine = cell.iloc[0], rows.merge(cell[[*STUDY]].drop_duplicates(), on=[*STUDY])
        count = mine.groupby(["seed", "labels"]).ngroups
        pairs = int(cell[cell.target == COPY].positives.max())
        title = (
            f"{first.dataset}, {first.corruption}, {first.model}, {first.epochs} epochs, {count} "
            f"seed{'s' if count > 1 else ''}: {pairs:,} pairs among {first.examples:,}"
        )
        yield Section(title, _cells(cell), partial(_paint, f"duplicates-{number}", cell, mine))


def _cells(cell: pd.DataFrame) -> Cells:
    of = {(row["target"], row["method"]): row for row in records(cell)}
    header = ["method", "both", "copy", "twin", "published", "p (vs csl)"]
    rows = []
    for name in ordered(dict.fromkeys(cell.method)):
        aurocs = [
            mean_and_spread(of[target, name]["auroc"], of[target, name]["spread"])
            for target in (BOTH, COPY, TWIN)
        ]
        both = of[BOTH, name]
        theirs = f"{both['published']:.4f}" if both["published"] > 0 else ""
        rows.append([labelled(name), *aurocs, theirs, p_text(both["largest_p_vs_csl"])])
    return header, rows


def _paint(name: str, cell: pd.DataFrame, rows: pd.DataFrame) -> dict[tuple[str, str], Figure]:
    return {
        (f"{name}-{target}", f"{caption}: AUROC of each seed with its 95 % interval"): dotted(
            cell[cell.target == target], rows[rows.target == target]
        )
        for target, caption in _SOUGHT.items()
    }
