"""What a mixed-up label draw would do to a result: each summary against given, true and foreign labels.

A are the labels a run was trained on, B the true ones, C those of another draw, which nobody trained on. A
network that has memorized its wrong labels contradicts true ones loudly, so a pass against B or C finds the
changed labels better than any honest score, by knowing the answer. Only scores whose keys name such labels
are read here: `loss(labels=true)`. Their labels come from the sheet.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from memest.analysis.averages import records
from memest.analysis.columns import covered_text
from memest.analysis.finding import ANALYSES, Finding, remark
from memest.analysis.groups import groups, without_repeats
from memest.analysis.record import RunRecord, by_id
from memest.analysis.runset import RunSet
from memest.errors import NoRunsError, SheetError
from memest.grammar.spec import GIVEN, Spec, is_online
from memest.ids import Ids
from memest.metrics import Bools, Floats, auroc
from memest.paper.beside import departures_of
from memest.paper.leak_verdict import RELEASED_SIGN, LeakVerdict, verdicts
from memest.reports.intervals import intervals
from memest.reports.sections import Picture, Section
from memest.reports.tables import Column, Table, ends, fixed
from memest.store import SheetReader
from memest.store.tables import NOT_SUMMARIES, Columns
from memest.summaries import SUMMARIES, needs_of, suspicion

if TYPE_CHECKING:
    import pandas as pd

TRUE, RELEASED = "true", "released"
_READING = (
    "A: labels trained on. B: true labels. C: another draw, on true labels, that nobody trained on. Numbers "
    "are AUROCs of the changed labels; all of a row come from the same networks and passes. P(positive above "
    "C's flips): how often a changed label scores above a label that only C flips, ties counting one half. "
    "Without C's flips: the examples left out that C flips. Other draws: the lowest and highest AUROC of "
    "further foreign labels. argmax 0: an example never learned counts as learned at the first epoch, as "
    "argmax has it; turned: the sign reversed."
)


@dataclass(frozen=True)
class MeasuredSheet:
    """One sheet that was measured against other labels, its examples in the order of their ids.

    Attributes:
        run: that was measured.
        sheet: its own, or one that `score` made.
        summary: the sheet's summary table.
        truth: the sheet's truth table, foreign labels included.
    """

    run: RunRecord
    sheet: SheetReader
    summary: Columns
    truth: Columns

    @classmethod
    def of(cls, run: RunRecord, sheet: SheetReader) -> MeasuredSheet:
        """Read both tables; of the truth, the part that the sheet is about."""
        summary, truth = by_id(sheet.summary(), f"run {run.id}"), sheet.truth()
        about = Ids(truth["id"], f"the truth of run {run.id}", SheetError).locate(summary["id"])
        return cls(run, sheet, summary, {name: values[about] for name, values in truth.items()})

    @property
    def names(self) -> dict[str, list[str]]:
        """The names of the labels that summaries were measured against, by summary."""
        found: dict[str, list[str]] = {}
        for column in self.summary:
            if column not in NOT_SUMMARIES and not is_online(column):
                spec = Spec.parse(column)
                found.setdefault(str(spec.against(GIVEN)), []).append(spec.labels)
        return {name: labels for name, labels in found.items() if labels != [GIVEN]}

    @property
    def foreign(self) -> list[str]:
        """The names of its foreign labels, the released code's draw first."""
        labels = {name for names in self.names.values() for name in names} - {GIVEN, TRUE}
        return sorted(labels, key=lambda name: (name != RELEASED, name))

    def flips(self, labels: str) -> Bools:
        """The examples whose true label another draw flips, (N,)."""
        return np.asarray(self.truth[labels] != self.truth["original_label"])

    def variants(self, name: str, labels: str) -> Iterator[tuple[str, Floats]]:
        """Suspicion by a summary, (N,), and by what else is made of it, under a name for each."""
        spec = SUMMARIES.parse(name).against(labels)
        if spec.short() not in self.summary:
            return
        values = self.summary[spec.short()]
        if spec.name != "first_learned":
            yield name, suspicion(spec, values)
            return
        epochs = [epoch for epoch in self.sheet.manifest.scores[needs_of(spec)[0]]["epochs"] if epoch]
        argmax = np.where(values > epochs[-1], epochs[0], values)
        yield "first_learned, never = last", suspicion(spec, values)
        yield "first_learned, never = last, turned", -suspicion(spec, values)
        yield "first_learned, argmax 0", suspicion(spec, argmax)
        yield RELEASED_SIGN, -suspicion(spec, argmax)


@ANALYSES.register
def leak_audit(runs: RunSet) -> Finding:
    """AUROC against given, true and foreign labels side by side, for each run, and what follows from it.

    Raises:
        NoRunsError: no run was measured against other labels, or none has changed labels.
    """
    measured = [
        MeasuredSheet.of(run, sheet)
        for run in without_repeats(runs)
        if 0 < run.sheet.truth()["changed"].mean() < 1
        for sheet in _fullest(run)
    ]
    if not measured:
        raise NoRunsError.without(
            "changed labels and scores against others; memest score --run … --scores 'logits, "
            "logits(labels=true), logits(labels=released)' does that from kept networks, and memest train "
            "takes the same --scores",
            len(runs),
        )
    rows = audit_rows(measured)
    found = verdicts(rows)
    return Finding(
        title="Which labels was the loss measured against?",
        tables={"leak_audit": rows},
        sections=[*(_section(n, one, rows) for n, one in enumerate(measured)), *map(_verdict, found)],
        remark=remark(_READING, (one.run for one in measured)),
        said=" ".join(f"{verdict.about}: {verdict.said}." for verdict in found),
    )


def _fullest(run: RunRecord) -> list[SheetReader]:
    """The sheet with other labels that covers the most epochs: a run is one row, whatever `score` added."""
    audited = [sheet for sheet in run.sheets if any(_names_others(key) for key in sheet.manifest.scores)]

    return [max(audited, key=lambda sheet: len(_epochs(sheet)))] if audited else []


def _epochs(sheet: SheetReader) -> list[int]:
    """The epochs of the score that was measured most often."""
    return max((entry["epochs"] for entry in sheet.manifest.scores.values()), key=len)


def audit_rows(measured: list[MeasuredSheet]) -> pd.DataFrame:
    """One row per sheet, summary and labels.

    Columns: those of `groups.AXES`, seed, run, sheet (a number), summary, labels, covers (the epochs that
    the sheet has), auroc, examples, departs (from the paper, in words) and, for foreign labels,
    above_foreign (how often a positive scores above an example that only they flip) and without_foreign
    (AUROC without the examples that they flip).
    """
    import pandas as pd

    axes = {run.id: group.axes for group in groups(one.run for one in measured) for run in group.runs}
    return pd.DataFrame(
        [
            axes[one.run.id] | row | {"sheet": number}
            for number, one in enumerate(measured)
            for row in _rows(one)
        ]
    )


def _rows(one: MeasuredSheet) -> Iterator[dict[str, Any]]:
    changed, departs = one.truth["changed"].astype(bool), departures_of(one.run)
    covers = covered_text([epoch for epoch in _epochs(one.sheet) if epoch])
    for name, names in one.names.items():
        for labels in names:
            for variant, values in one.variants(name, labels):
                yield {
                    "seed": one.run.tags.get("seed", ""),
                    "run": one.run.id,
                    "summary": variant,
                    "labels": labels,
                    "covers": covers,
                    "auroc": auroc(values, changed),
                    "examples": len(changed),
                    "departs": departs,
                    **_beside(values, changed, one.flips(labels) if labels in one.foreign else None),
                }


def _beside(values: Floats, changed: Bools, flips: Bools | None) -> Mapping[str, float]:
    """What foreign flips do: positives against them, and everything without them."""
    if flips is None:
        return {"above_foreign": np.nan, "without_foreign": np.nan}
    return {
        "above_foreign": _auroc(values, changed, changed | flips),
        "without_foreign": _auroc(values, changed, ~flips),
    }


def _auroc(values: Floats, changed: Bools, kept: Bools) -> float:
    """AUROC over the examples that are kept; NaN where they are all of one kind."""
    among = changed[kept]
    return np.nan if among.all() or not among.any() else auroc(values[kept], among)


def _names_others(key: str) -> bool:
    return not is_online(key) and Spec.parse(key).labels != GIVEN


def _section(number: int, one: MeasuredSheet, rows: pd.DataFrame) -> Section:
    mine = rows[rows.sheet == number]
    epochs = _epochs(one.sheet)
    tags = one.run.tags
    title = (
        f"{tags.get('dataset')}, {tags.get('corruption')}, {tags.get('model')}, seed {tags.get('seed')}, run "
        f"{one.run.id[:8]}: measured at {len(epochs)} epochs, {epochs[0]} to {epochs[-1]}"
    )
    bars = [
        (f"{name}, {labels}", {"": (value, value, value)})
        for name, labels, value in zip(mine.summary, mine.labels, mine.auroc, strict=True)
        if not name.endswith("turned")
    ]
    paint = partial(intervals, bars, "AUROC")
    picture = Picture(f"leak-{number}", "AUROC against each set of labels", paint, folded=True)
    return Section(title, _table(mine, one.foreign), [picture])


def _table(mine: pd.DataFrame, foreign: list[str]) -> Table:
    first, others = (foreign[:1] or [RELEASED])[0], foreign[1:]
    parts = {str(name): part for name, part in mine.groupby("summary", sort=False)}
    of = [{row["labels"]: row for row in records(part)} for part in parts.values()]

    def column(heading: str, labels: str, key: str) -> Column:
        return Column(heading, [rows.get(labels, {}).get(key) for rows in of], fixed(4))

    spreads = [[rows[name]["auroc"] for name in others if name in rows] for rows in of]
    spread = Column("other draws", [(min(v), max(v)) if v else (None, None) for v in spreads], ends)
    return Table(
        (
            Column("summary", list(parts)),
            column("A given", GIVEN, "auroc"),
            column("B true", TRUE, "auroc"),
            column(f"C {first}", first, "auroc"),
            column("P(positive above C's flips)", first, "above_foreign"),
            column("without C's flips", first, "without_foreign"),
            *([spread] if others else []),
        )
    )


def _verdict(verdict: LeakVerdict) -> Section:
    parts = ("what", "wanted", "came", "holds")
    columns = [[getattr(condition, part) for condition in verdict.conditions] for part in parts]
    heads = ("condition", "wanted", "came", "holds")
    table = Table(tuple(Column(head, values) for head, values in zip(heads, columns, strict=True)))
    return Section(f"{verdict.about}: {verdict.answer}", table)
