"""From suspicion to the probability that a label is wrong, learned from errors that were planted.

Planted errors show how suspicious wrong labels are, f₁(s); all other labels, some of which are wrong as
well, how suspicious the rest is, f(s). If wrong labels are as suspicious as planted ones, and a share ρ of
the rest is wrong, then P(wrong | s) = ρ f₁(s) / f(s); ρ is that of `wrong_share`. Axes: N labels, B bins.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memest.auditing.findings import Floats, Integers, Reliability

_FOLDS = 5
_BINS = (0.02, 0.1, 0.3, 0.5, 0.7, 0.9)


@dataclass(frozen=True, eq=False)
class Calibration:
    """What probability a suspicion means.

    Attributes:
        share: ρ, the share of wrong labels among those that were not planted.
        steps: (B,) suspicions, ascending: where the steps of the probability begin.
        probability: (B,) that a label on such a step is wrong, ascending.
    """

    share: float
    steps: Floats
    probability: Floats

    def of(self, suspicion_N: Floats) -> Floats:
        """The probability that each label is wrong, (N,)."""
        places = np.searchsorted(self.steps, suspicion_N, side="right") - 1
        return np.asarray(self.probability[places.clip(min=0)])


def calibrate(suspicion_N: Floats, planted_N: NDArray[np.bool_], share: float) -> Calibration:
    """Learn from planted errors.

    Args:
        suspicion_N: of the labels that were trained on.
        planted_N: which of them were planted; at least one is, and one is not.
        share: ρ.
    """
    steps, ratio = _ratio(suspicion_N, planted_N)
    return Calibration(share, steps, np.minimum(share * ratio, 1))


def reliability_of(suspicion_N: Floats, planted_N: NDArray[np.bool_], share: float) -> Reliability:
    """How often labels are wrong that are said to be, out of fold: none is judged by what it taught.

    ρ is that of all folds. The planted errors are the part of all wrong labels that is known: the share of
    planted ones in a bin is scaled up to the share of wrong ones by how many of the wrong ones are planted.
    """
    said = np.zeros(len(suspicion_N))
    folds = np.empty(len(suspicion_N), np.int64)
    for group in (planted_N, ~planted_N):
        folds[group] = np.arange(group.sum()) % _FOLDS
    for fold in range(_FOLDS):
        rest = folds != fold
        if planted_N[rest].any():
            said[~rest] = _of_all(suspicion_N[rest], planted_N[rest], share).of(suspicion_N[~rest])
    rate = planted_N.mean()
    scale = (rate + (1 - rate) * share) / rate
    bins = np.digitize(said, _BINS)
    count = np.bincount(bins, minlength=len(_BINS) + 1)
    there = count > 0
    sums = [np.bincount(bins, weights, len(count))[there] for weights in (said, planted_N * scale)]
    means = [total / count[there] for total in sums]
    return Reliability(means[0], np.minimum(means[1], 1), count[there].astype(np.int64))


def _of_all(suspicion_N: Floats, planted_N: NDArray[np.bool_], share: float) -> Calibration:
    """What suspicion means for labels of which some were planted."""
    rate = planted_N.mean()
    steps, ratio = _ratio(suspicion_N, planted_N)
    wrong = rate + (1 - rate) * share
    return Calibration(wrong, steps, np.minimum(wrong * ratio / (rate * ratio + 1 - rate), 1))


def _ratio(suspicion_N: Floats, planted_N: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """f₁ / f by steps, ascending: the best ascending fit to which labels were planted; where steps begin."""
    from scipy.optimize import isotonic_regression

    order = np.argsort(suspicion_N, kind="stable")
    blocks = _blocks(planted_N[order])
    counts = np.diff(np.append(blocks, len(order)))
    planted = np.add.reduceat(planted_N[order].astype(np.float64), blocks)
    smoothed = (planted + planted_N.mean()) / (counts + 1)
    share = np.asarray(isotonic_regression(smoothed, weights=counts).x)
    odds = share / np.maximum(1 - share, 1e-9)
    return suspicion_N[order][blocks], odds * (~planted_N).sum() / planted_N.sum()


def _blocks(planted_N: NDArray[np.bool_]) -> Integers:
    """Where blocks of neighbours begin, (B,): each of as many planted errors, about √ of all of them."""
    each = max(1, int(np.sqrt(planted_N.sum())))
    ends = np.flatnonzero(planted_N)[::-each][::-1]
    return np.unique(np.append(0, ends[1:] if len(ends) > 1 else ends)).astype(np.int64)
