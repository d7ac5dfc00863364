"""How early is a score good enough: AUROC of each summary from the first epochs alone.

What a summary is of the epochs up to t, a training stopped there would have had, but for its schedule.
Read from the sheets of the runs themselves, whatever `score` added later.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from memest.analysis.averages import averaged, highest_first, records, seeds_column, titled, told_apart
from memest.analysis.columns import covered_text
from memest.analysis.finding import ANALYSES, Finding, remark
from memest.analysis.groups import AXES, groups
from memest.analysis.record import RunRecord
from memest.analysis.runset import RunSet
from memest.detect.prefixes import looked_at, prefixes
from memest.errors import NoRunsError
from memest.metrics import Floats, auroc
from memest.reports import figures
from memest.reports.sections import Picture, Section
from memest.reports.tables import Column, Table, fixed
from memest.summaries import needs_of, suspicion

if TYPE_CHECKING:
    import pandas as pd

SUMMARIES = (
    "csl",
    "seen/csl",
    "aum",
    "mean_confidence",
    "mean_el2n",
    "final_loss",
    "in_confidence",
    "first_learned",
    "forgetting_count",
)
"""Those that the analysis follows, where their scores were measured."""
NEAR = 0.01
"""How near to its final value an AUROC counts as there."""
_READING = (
    "Each value is of the epochs up to that one alone. Settled: the first epoch looked at from which the "
    f"mean AUROC over runs stays within {NEAR:g} of its final value. A run made shorter would have another "
    "learning-rate schedule: this is about how early one may look, not how short one may train."
)


@ANALYSES.register
def early(runs: RunSet) -> Finding:
    """AUROC of each summary as a function of the epochs seen, means over seeds.

    Raises:
        NoRunsError: no run has changed labels.
    """
    rows = early_rows(runs)
    table = early_table(rows)
    return Finding(
        title="How early is a score good enough?",
        tables={"early": table, "early_per_epoch": rows},
        sections=[
            _section(number, titled(str(title), part), part)
            for number, (title, part) in enumerate(table.groupby("group", sort=False))
        ],
        remark=remark(_READING, (run for run in runs if run.id in set(rows.run))),
    )


def early_rows(runs: RunSet) -> pd.DataFrame:
    """One row per run, summary and epoch t.

    Columns: those of `groups.AXES`, seed, run, summary, label, covers, epoch, auroc, examples.

    Raises:
        NoRunsError: no run has changed labels and one of the summaries.
    """
    import pandas as pd

    judged = [run for run in runs if 0 < run.sheet.truth()["changed"].mean() < 1]
    rows = [group.axes | row for group in groups(judged) for run in group.runs for row in _rows(run)]
    if not rows:
        raise NoRunsError.without(
            "changed labels and scores from logits; train with --corruption 'symmetric_noise(rate=0.05)' "
            "--scores logits",
            len(runs),
        )
    return told_apart(pd.DataFrame(rows), ["group"], "summary")


def early_table(rows: pd.DataFrame) -> pd.DataFrame:
    """One row per group and summary: final mean AUROC, the epoch at which it settled, seeds, runs, the curve.

    The curve, columns looked_at and aurocs, is the mean over the runs of the group.
    What settles first comes first; what rests on fewer seeds last.
    """
    means = averaged(rows, [*AXES, "summary", "label", "epoch"], auroc=("auroc", "mean"))
    by = [*AXES, "summary", "label", "seeds", "runs"]
    table = means.groupby(by, sort=False).agg(looked_at=("epoch", list), aurocs=("auroc", list)).reset_index()
    places = [settled(np.array(values)) for values in table.aurocs]
    epochs = [looked_at[place] for looked_at, place in zip(table.looked_at, places, strict=True)]
    table = table.assign(final=[values[-1] for values in table.aurocs], settled=epochs)
    return highest_first(table.assign(soon=-table.settled), AXES, "soon").drop(columns="soon")


def settled(values_T: Floats, near: float = NEAR) -> int:
    """The first place from which all values stay within `near` of the last one."""
    outside = np.flatnonzero(np.abs(values_T - values_T[-1]) > near)
    return int(outside[-1]) + 1 if outside.size else 0


def _rows(run: RunRecord) -> Iterator[dict[str, Any]]:
    changed = run.sheet.summary()["changed"].astype(bool)
    for summary in SUMMARIES:
        needs = needs_of(summary)
        if not all(key in run.sheet.manifest.scores for key in needs):
            continue
        epochs = looked_at(run.sheet, needs)
        if not len(epochs):
            continue
        covers = covered_text(epochs.tolist())
        for epoch, values in zip(epochs, prefixes(run.sheet, summary, epochs), strict=True):
            yield {
                "examples": len(changed),
                "seed": run.tags.get("seed", ""),
                "run": run.id,
                "summary": summary,
                "covers": covers,
                "epoch": int(epoch),
                "auroc": auroc(suspicion(summary, values), changed),
            }


def _section(number: int, title: str, part: pd.DataFrame) -> Section:
    curves = {row["label"]: (np.array(row["looked_at"]), np.array(row["aurocs"])) for row in records(part)}
    caption = "AUROC of each summary from the epochs seen so far, mean over seeds"
    picture = Picture(f"early-{number}", caption, partial(figures.epoch_curves, curves, "AUROC"))
    return Section(title, _table(part), [picture], said=_answer(records(part)))


def _answer(rows: Sequence[Mapping[str, Any]]) -> str:
    """Which summary is there first, and which gets furthest."""
    soonest, best = rows[0], max(rows, key=lambda row: float(row["final"]))
    return (
        f"{soonest['label']} settles first: from epoch {soonest['settled']} on within {NEAR:g} of its final "
        f"AUROC of {soonest['final']:.4f}. Highest in the end: {best['label']} {best['final']:.4f}, settled "
        f"at epoch {best['settled']}."
    )


def _table(part: pd.DataFrame) -> Table:
    """The epoch at which each summary settled, and its AUROC after shares of the epochs."""
    rows = records(part)
    shares = {
        f"{100 * share:g} %": [_by(row, share * row["looked_at"][-1]) for row in rows]
        for share in (0.1, 0.25, 0.5)
    }
    aurocs = {"first": [row["aurocs"][0] for row in rows], **shares, "all": part.final.tolist()}
    return Table(
        (
            Column("summary", part.label.tolist()),
            *seeds_column(part),
            Column("settled", part.settled.tolist(), "epoch {}".format),
            *(Column(name, values, fixed(4)) for name, values in aurocs.items()),
        )
    )


def _by(row: Mapping[str, Any], epoch: float) -> float:
    """The AUROC of the last epoch looked at that is not after `epoch`; of the first, if all are."""
    place = max(int(np.searchsorted(row["looked_at"], epoch, side="right")) - 1, 0)
    value: float = row["aurocs"][place]
    return value
