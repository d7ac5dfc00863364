"""Runs with a reference joined by id: which examples it describes, and how hard it says they are.

Axes: N examples of a run, M of them kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from memest.analysis.bins import unit
from memest.analysis.record import RunRecord
from memest.analysis.runset import RunSet
from memest.detect import direction, short, suspicion
from memest.grammar.spec import SEEN
from memest.metrics import Floats
from memest.references import REFERENCES, Identity, Reference
from memest.summaries import HIGHER

_RAW = {
    f"{seen}forgetting_count": (f"{seen}mean_correct", f"{seen}forgetting_count(never=raw)")
    for seen in ("", SEEN)
}
"""As a ranking examples never learned come last; a similarity takes their count as it is, 0."""


@dataclass(frozen=True)
class Measure:
    """A summary over the M examples that a reference is about.

    Attributes:
        column: that it is from.
        values: in [0, 1], (M,), higher = harder: (v − min) / (max − min), or (max − v) / (max − min) where
            lower is harder.
        raw: as they are, (M,), if they are not negative and higher is harder; else None.
    """

    column: str
    values: Floats
    raw: Floats | None


@dataclass(frozen=True)
class Referenced:
    """A run, and the hardness that a reference gives its examples.

    Attributes:
        run: the run.
        hardness: (N,) float64, in the order of its summary table, higher = harder.
        as_given: the reference is about the very labels the run was trained on, changed ones included.
    """

    run: RunRecord
    hardness: Floats
    as_given: bool

    @cached_property
    def changed(self) -> NDArray[np.bool_]:
        """Examples whose label or image a corruption changed, (N,)."""
        return np.asarray(self.run.summary["changed"], bool)

    @cached_property
    def apart(self) -> NDArray[np.bool_]:
        """Examples that the reference says nothing about, (N,): those that were changed since."""
        return np.zeros_like(self.changed) if self.as_given else self.changed

    def suspicions(self) -> dict[str, Floats]:
        """Every summary turned so that higher is harder, (N,) float64 by name."""
        return {name: suspicion(name, self.run.summary[name]) for name in self.run.summaries}

    def measures(self) -> dict[str, Measure]:
        """Every summary as a similarity takes it, by name, over the examples that the reference is about."""
        kept = ~self.apart
        found = {}
        for column in self.run.summaries:
            name = column
            values = np.asarray(self.run.summary[column], np.float64)
            if name in _RAW:
                learned, name = _RAW[name]
                values = np.where(self.run.summary[learned] > 0, values, 0.0)
            values = values[kept]
            plain = direction(name) == HIGHER and values.min() >= 0
            found[short(name)] = Measure(column, unit(suspicion(name, values)), values if plain else None)
        return found


def with_reference(runs: RunSet, reference: str) -> tuple[Reference, list[Referenced]]:
    """The reference that a spec names, and its hardness for every run.

    The labels compared are those before any corruption, unless the reference has those that were given.

    Raises:
        InputError: no such reference, or one whose examples or labels are not those of a run; says which.
    """
    found: Reference = REFERENCES.call(reference)
    return found, [_referenced(run, found) for run in runs]


def _referenced(run: RunRecord, reference: Reference) -> Referenced:
    facts, order, whose = run.summary, run.sheet.manifest.header.order, f"run {run.id} ({run.name})"
    given = Identity(whose, facts["id"], facts["label"], order)
    relabelled = bool((facts["label"] != facts["original_label"]).any())
    if relabelled and reference.identity.agrees(given):
        return Referenced(run, reference.hardness(given), as_given=True)
    clean = Identity(whose, facts["id"], facts["original_label"], order)
    return Referenced(run, reference.hardness(clean), as_given=False)
