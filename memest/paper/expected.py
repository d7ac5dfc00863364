"""Expected values over training, by example: means over runs that differ in their seed alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from memest.analysis.aligned import with_reference
from memest.analysis.groups import RunGroup, covering, groups, how_many
from memest.analysis.record import RunRecord
from memest.analysis.runset import RunSet
from memest.errors import SheetError
from memest.grammar.spec import Spec
from memest.ids import Ids
from memest.metrics import Floats

CSL, LEARNING, CURVATURE, MEMORIZATION = "csl", "learning_time", "mean_curvature", "memorization"
DISTANCE = "final_adversarial_distance"
_SCORES = {LEARNING: "input_gradient", CURVATURE: "curvature"}
"""What is measured at every epoch, and from what."""


@dataclass(frozen=True)
class Expected:
    """Means over the runs of one group and set of labels, by example.

    Attributes:
        group: of the runs.
        title: of the group, with what else tells these runs apart.
        runs: those of the group that the means are over; they differ in their seed.
        ids: (N,), sorted.
        values: by quantity, (N,); NaN for an example of which the reference says nothing.
        changed: (N,), whose label a corruption changed.
        columns: by quantity, the summary it is the mean of.
    """

    group: RunGroup
    title: str
    runs: RunSet
    ids: NDArray[np.int64]
    values: Mapping[str, Floats]
    changed: NDArray[np.bool_]
    columns: Mapping[str, str]


def expectations(runs: Iterable[RunRecord]) -> tuple[list[Expected], list[str]]:
    """Means over the runs that may be averaged and have csl, and in words what is missing where."""
    found, lines = [], []
    for group in groups(runs, same_labels=True):
        having, missing = _having(group)
        lines += missing
        columns = {
            quantity: column
            for quantity in (CSL, LEARNING, CURVATURE, DISTANCE)
            if (column := _shared(quantity, [run.summaries for run in having]))
        }
        for covers, alike in covering(having, *columns.values()) if having else ():
            title = ", ".join(filter(None, [group.title, covers, how_many(len(alike), "run")]))
            found.append(_expected(group, title, alike, columns))
    return found, lines


def beside_memorization(one: Expected, reference: str) -> tuple[str, Expected]:
    """With memorization by the reference, of the examples that it is about; and the reference's SHA-256.

    Raises:
        InputError: no such reference, or one that is not about the examples.
    """
    known, (pair,) = with_reference(RunSet(one.runs[:1]), reference)
    place = Ids(pair.run.summary["id"], f"run {pair.run.id}", SheetError).locate(one.ids)
    hardness = np.where(pair.apart, np.nan, pair.hardness)[place]
    return known.sha256, replace(one, values={**one.values, MEMORIZATION: hardness})


def _expected(group: RunGroup, title: str, runs: RunSet, columns: Mapping[str, str]) -> Expected:
    tables = list(runs.joined(["changed", *columns.values()]))
    values = {
        quantity: np.mean([table[name] for table in tables], axis=0) for quantity, name in columns.items()
    }
    return Expected(group, title, runs, tables[0]["id"], values, tables[0]["changed"].astype(bool), columns)


def _having(group: RunGroup) -> tuple[list[RunRecord], list[str]]:
    """The runs of a group that have csl, and what is missing where."""
    having, lines = [], []
    for run, names in zip(group.runs, group.runs.map(lambda run: run.summaries), strict=True):
        if CSL not in names:
            lines.append(f"Run {run.id} is left out: it did not measure the loss.")
            continue
        having.append(run)
        if lacking := [quantity for quantity in _SCORES if not _column(quantity, names)]:
            need = " and ".join(_SCORES[quantity] for quantity in lacking)
            lines.append(
                f"Run {run.id} lacks {need}, so that its labels have no {' and no '.join(lacking)} here; "
                "train with --scores 'logits, input_gradient, curvature'."
            )
    without = [run.id for run in having if not _column(DISTANCE, run.summaries)]
    if 0 < len(without) < len(having):
        lines.append(
            f"{DISTANCE} is left out: not all runs of these labels have it; "
            f"memest score --epochs last --scores adversarial_distance --run {without[0]}"
        )
    return having, lines


def _column(quantity: str, names: Sequence[str]) -> str:
    """The summary of this name with its default settings, else with any."""
    of = [name for name in names if "/" not in name and Spec.parse(name).name == quantity]
    return quantity if quantity in of else next(iter(of), "")


def _shared(quantity: str, each: Sequence[Sequence[str]]) -> str:
    """The summary of a quantity that all runs have; empty where there is none."""
    if not each:
        return ""
    return _column(quantity, [name for name in each[0] if all(name in names for names in each)])
