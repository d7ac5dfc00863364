"""The curves that runs are compared by: how well summaries of the epochs so far find the changed labels.

They grow with the run: `RunningCurves` adds up each epoch as it is measured. `auroc_curves` computes the same
from a sheet that was written as a whole.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memest.detect import slug
from memest.detect.prefixes import looked_at, prefixes
from memest.metrics import Bools, Floats, auroc
from memest.store import SheetReader
from memest.summaries import Trace, needs_of, suspicion

CURVES = ("csl", "seen/csl", "aum")
"""The summaries whose AUROC a run logs as a curve, each a sum or a mean of one score.

`analysis.early` follows more.
"""
_MEANS = ("aum",)


def auroc_curves(sheet: SheetReader, changed_N: Bools) -> dict[int, dict[str, float]]:
    """`auroc/<summary>` of the epochs up to each one, by epoch; empty where nothing is to be found.

    The last value is that of the whole run. A long run is looked at 40 times, the last epoch among them.

    Args:
        sheet: of the run.
        changed_N: (N,) bool, in the order of the sheet.
    """
    curves: dict[int, dict[str, float]] = defaultdict(dict)
    if not 0 < changed_N.sum() < len(changed_N):
        return {}
    for summary in CURVES:
        if not all(key in sheet.manifest.scores for key in needs_of(summary)):
            continue
        epochs = looked_at(sheet, needs_of(summary))
        for epoch, values in zip(epochs, prefixes(sheet, summary, epochs), strict=True):
            curves[int(epoch)][_metric(summary)] = auroc(suspicion(summary, values), changed_N)
    return curves


class RunningCurves:
    """The same curves, epoch by epoch while a run trains; in memory are one sum for each curve, (N,) float64.

    Args:
        sheet: what an earlier process measured of the run; no epochs for one that begins.
        changed_N: (N,) bool, in the order of the sheet.
    """

    def __init__(self, sheet: SheetReader, changed_N: Bools) -> None:
        self._changed_N = changed_N
        self._sums: dict[str, tuple[int, Floats]] = {}
        for summary in CURVES if 0 < changed_N.sum() < len(changed_N) else ():
            self._sums[summary] = _before(sheet, needs_of(summary)[0], len(changed_N))

    def after(self, epoch: int, scores: Mapping[str, NDArray[np.floating[Any]]]) -> dict[str, float]:
        """`auroc/<summary>` with this epoch, which is added; of those whose score was measured at it.

        Args:
            epoch: 0, the untouched network, is not counted.
            scores: (N,) by key, finite.
        """
        found = {}
        for summary, (count, sum_N) in self._sums.items():
            key = needs_of(summary)[0]
            if epoch and key in scores:
                self._sums[summary] = count + 1, sum_N + scores[key]
                values_N = (sum_N + scores[key]) / (count + 1 if summary in _MEANS else 1)
                found[_metric(summary)] = auroc(suspicion(summary, values_N), self._changed_N)
        return found


def _before(sheet: SheetReader, key: str, examples: int) -> tuple[int, Floats]:
    """How many epochs of training a score was measured at, and their sum, (N,)."""
    epochs = [epoch for epoch in sheet.manifest.scores.get(key, {}).get("epochs", ()) if epoch]
    if not epochs:
        return 0, np.zeros(examples)
    parts = [Trace(*sheet.trace(key, some)).since(1).total() for some in sheet.stretches()]
    return len(epochs), np.concatenate(parts)


def _metric(summary: str) -> str:
    return f"auroc/{slug(summary)}"
