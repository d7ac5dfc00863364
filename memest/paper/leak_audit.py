"""What a mixed-up label draw would do to a result: each summary against given, true and foreign labels.

A are the labels a run was trained on, B the true ones, C those of another draw, which nobody trained on. A
network that has memorized its wrong labels contradicts true ones loudly, so a pass against B or C finds the
changed labels better than any honest score, by knowing the answer. Only scores whose keys name such labels
are read here: `loss(labels=true)`. Their labels come from the sheet. Depends on `stats`, `summaries`, pandas.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from memest.analysis.detection import AXES
from memest.analysis.finding import ANALYSES, Cells, Finding, Section
from memest.analysis.runset import RunRecord, RunSet, by_id
from memest.errors import NoRunsError, SheetError
from memest.grammar.spec import GIVEN, Spec
from memest.ids import Ids
from memest.metrics import Bools, Floats, auroc
from memest.paper.judged import departures_of
from memest.paper.leak_verdict import RELEASED_SIGN, Verdict, verdicts
from memest.reports import figures
from memest.store import SheetReader
from memest.store.tables import NOT_SUMMARIES, Columns
from memest.summaries import SUMMARIES, needs_of, suspicion
from memest.summaries.base import SEEN

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

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
class Measured:
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
    def of(cls, run: RunRecord, sheet: SheetReader) -> Measured:
        """Read both tables; of the truth, the part that the sheet is about."""
        summary, truth = by_id(sheet.summary(), f"run {run.id}"), sheet.truth()
        about = Ids(truth["id"], f"the truth of run {run.id}", SheetError).locate(summary["id"])
        return cls(run, sheet, summary, {name: values[about] for name, values in truth.items()})

    @property
    def names(self) -> dict[str, list[str]]:
        """The names of the labels that summaries were measured against, by summary."""
        found: dict[str, list[str]] = {}
        for column in self.summary:
            if column not in NOT_SUMMARIES and not column.startswith(SEEN):
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
        Measured.of(run, sheet)
        for run in runs
        if 0 < run.sheet.truth()["changed"].mean() < 1
        for sheet in _fullest(run)
    ]
    if not measured:
        raise NoRunsError(
            f"none of the {len(runs)} runs has changed labels and was measured against others; memest score "
            "--run … --scores 'logits, logits(labels=true), logits(labels=released)' does that from kept "
            "networks, and memest train takes the same --scores"
        )
    rows = audit_rows(measured)
    found = verdicts(rows)
    return Finding(
        title="Which labels was the loss measured against?",
        tables={"leak_audit": rows},
        sections=[*(_section(n, one, rows) for n, one in enumerate(measured)), *map(_verdict, found)],
        remark=f"{_READING} Runs: {', '.join(dict.fromkeys(one.run.id for one in measured))}.",
    )


def _fullest(run: RunRecord) -> list[SheetReader]:
    """The sheet with other labels that covers the most epochs: a run is one row, whatever `score` added."""
    audited = [sheet for sheet in run.sheets if any(_names_others(key) for key in sheet.manifest.scores)]

    def covered(sheet: SheetReader) -> int:
        return max(len(entry["epochs"]) for entry in sheet.manifest.scores.values())

    return [max(audited, key=covered)] if audited else []


def audit_rows(measured: list[Measured]) -> pd.DataFrame:
    """One row per sheet, summary and labels.

    Columns: the axes, seed, run, sheet (a number), summary, labels, auroc, examples, departs (from the paper,
    in words) and, for foreign labels, above_foreign (how often a positive scores above an example that only
    they flip) and without_foreign (AUROC without the examples that they flip).
    """
    import pandas as pd

    return pd.DataFrame(
        [row | {"sheet": number} for number, one in enumerate(measured) for row in _rows(one)]
    )


def _rows(one: Measured) -> Iterator[dict[str, Any]]:
    changed, departs = one.truth["changed"].astype(bool), departures_of(one.run)
    for name, names in one.names.items():
        for labels in names:
            for variant, values in one.variants(name, labels):
                yield {
                    **{axis: one.run.tags.get(axis, "") for axis in AXES},
                    "seed": one.run.tags.get("seed", ""),
                    "run": one.run.id,
                    "summary": variant,
                    "labels": labels,
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
    return not key.startswith(SEEN) and Spec.parse(key).labels != GIVEN


def _section(number: int, one: Measured, rows: pd.DataFrame) -> Section:
    mine = rows[rows.sheet == number]
    epochs = max((entry["epochs"] for entry in one.sheet.manifest.scores.values()), key=len)
    tags = one.run.tags
    title = (
        f"{tags.get('dataset')}, {tags.get('corruption')}, {tags.get('model')}, seed {tags.get('seed')}, run "
        f"{one.run.id[:8]}: measured at {len(epochs)} epochs, {epochs[0]} to {epochs[-1]}"
    )

    def paint() -> dict[tuple[str, str], Figure]:
        bars = [
            (f"{name}, {labels}", [(value, value, value)])
            for name, labels, value in zip(mine.summary, mine.labels, mine.auroc, strict=True)
            if not name.endswith("turned")
        ]
        return {(f"leak-{number}", "AUROC against each set of labels"): figures.intervals(bars, "AUROC")}

    return Section(title, _cells(mine, one.foreign), paint)


def _cells(mine: pd.DataFrame, foreign: list[str]) -> Cells:
    first, others = (foreign[:1] or [RELEASED])[0], foreign[1:]
    header = ["summary", "A given", "B true", f"C {first}", "P(positive above C's flips)"]
    header += ["without C's flips", *(["other draws"] if others else [])]
    rows = []
    for name, part in mine.groupby("summary", sort=False):
        by_labels = {row["labels"]: row for row in part.to_dict("records")}
        c = by_labels.get(first, {})
        cells = [by_labels.get(labels, {}).get("auroc") for labels in (GIVEN, TRUE, first)]
        cells += [c.get("above_foreign"), c.get("without_foreign")]
        spread = [by_labels[labels]["auroc"] for labels in others if labels in by_labels]
        rows.append([str(name), *map(_number, cells), *([_spread(spread)] if others else [])])
    return header, rows


def _number(value: float | None) -> str:
    return "" if value is None or np.isnan(value) else f"{value:.4f}"


def _spread(values: list[float]) -> str:
    return f"{min(values):.4f}–{max(values):.4f}" if values else ""


def _verdict(verdict: Verdict) -> Section:
    rows = [[c.what, c.wanted, c.came, c.holds] for c in verdict.conditions]
    return Section(
        f"{verdict.about}: {verdict.answer}", (["condition", "wanted", "came", "holds"], rows), dict
    )
