"""One ranking of positives among negatives: sorted once, it answers everything that is asked of it.

Scores are (N,) numbers, higher = ranked first; positives are (N,) booleans (or zeros and ones). N counts
examples, m positives, n negatives and K distinct scores. Every value is a plain share without a unit, and
none depends on the order of the examples, ties included.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from memest.errors import DataError, SettingError
from memest.metrics import detection
from memest.metrics.detection import Comparison, Estimate
from memest.metrics.vectors import Floats, sample


class Ranking:
    """Scores and which examples are positives, sorted.

    Args:
        scores_N: (N,), higher = ranked first.
        positives_N: (N,).
        name: of the scores, for errors.

    Attributes:
        positives_N: (N,) booleans.
        placements_N: (N,), per positive the share of negatives below it, per negative that of positives
            above it; ties count half.
        auroc: P(a positive scores above a negative) + ½ P(they tie), in [0, 1]; 0.5 is chance, higher is
            better. The Mann–Whitney form. Source: Hanley & McNeil 1982.

    Raises:
        DataError: wrong shapes, scores that are not finite, no positives or no negatives.
    """

    def __init__(self, scores_N: ArrayLike, positives_N: ArrayLike, name: str = "scores") -> None:
        scores_N, self.positives_N = sample(scores_N, positives_N, name)
        order_N = np.argsort(scores_N)
        sorted_N, flags_N = scores_N[order_N], self.positives_N[order_N]
        ends_K = np.flatnonzero(np.append(sorted_N[1:] != sorted_N[:-1], True))
        counts_K = np.diff(ends_K, prepend=-1)
        self._true_K = np.diff(np.cumsum(flags_N)[ends_K], prepend=0)
        self._false_K = counts_K - self._true_K
        self._m, self._n = int(self._true_K.sum()), int(self._false_K.sum())
        # Doubled, so that halves are whole numbers and nothing is rounded.
        below_false_K = 2 * np.cumsum(self._false_K) - self._false_K
        below_true_K = 2 * np.cumsum(self._true_K) - self._true_K
        self.auroc = float(self._true_K @ below_false_K) / (2 * self._m * self._n)
        placements = below_false_K / (2 * self._n), 1 - below_true_K / (2 * self._m)
        if ends_K.size < order_N.size:
            placements = np.repeat(placements[0], counts_K), np.repeat(placements[1], counts_K)
        self.placements_N = np.empty(order_N.size)
        self.placements_N[order_N] = np.where(flags_N, *placements)

    def interval(self, level: float = 0.95) -> Estimate:
        """AUROC with its confidence interval, `detection.interval`.

        Raises:
            SettingError: `level` is not between 0 and 1.
        """
        return detection.interval(self.auroc, self.placements_N, self.positives_N, level)

    def against(self, other: Ranking, level: float = 0.95) -> Comparison:
        """This AUROC minus that of `other` on the same examples, by the paired DeLong test.

        Raises:
            DataError: the other has other positives.
            SettingError: `level` is not between 0 and 1.
        """
        _require_same_positives(self, other)
        variance = detection.difference_variance(self.placements_N, other.placements_N, self.positives_N)
        return detection.compare(self.auroc - other.auroc, variance, level)

    def average_precision(self) -> float:
        """Precision averaged over recall, in (0, 1]; the share of positives is chance, higher is better.

        Σₖ (Rₖ − Rₖ₋₁) Pₖ over the distinct scores from the highest down, without interpolation; tied examples
        enter together. Source: the definition scikit-learn uses.
        """
        true_K, false_K = self._from_top
        precision_K = true_K / (true_K + false_K)
        return float(np.sum(self._true_K[::-1] * precision_K) / self._m)

    def fpr_at_tpr(self, tpr: float = 0.95) -> float:
        """The share of negatives flagged at the highest threshold that flags at least `tpr` of the positives.

        In [0, 1], lower is better. No interpolation: tied examples are flagged together.
        Source: Liang et al. 2018 (FPR at 95 % TPR).

        Raises:
            SettingError: `tpr` is not in (0, 1].
        """
        if not 0 < tpr <= 1:
            raise SettingError(f"tpr must be a number in (0, 1], not {tpr!r}")
        true_K, false_K = self._from_top
        first = int(np.argmax(true_K / self._m >= tpr))
        return float(false_K[first] / self._n)

    def precision_at(self, k: int) -> float:
        """The share of positives among the `k` highest scores, in [0, 1]; higher is better.

        Where the k-th place falls among tied scores, the expected value when the tie is broken at random:
        (positives above + places left · share of positives in the tie) / k.

        Raises:
            SettingError: `k` is not from 1 to N.
        """
        if not 1 <= k <= self.positives_N.size:
            raise SettingError(
                f"k must be from 1 to the number of examples, {self.positives_N.size}, not {k!r}"
            )
        true_K, false_K = self._from_top
        tie = int(np.searchsorted(true_K + false_K, k))
        tied_true, tied_false = self._true_K[::-1][tie], self._false_K[::-1][tie]
        above_true = true_K[tie] - tied_true
        places_left = k - above_true - (false_K[tie] - tied_false)
        return float((above_true + places_left * tied_true / (tied_true + tied_false)) / k)

    @cached_property
    def _from_top(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Positives and negatives at or above each distinct score, from the highest down: (K,) each."""
        return np.cumsum(self._true_K[::-1]), np.cumsum(self._false_K[::-1])


def auroc(scores_N: ArrayLike, positives_N: ArrayLike) -> float:
    """P(a positive scores above a negative) + ½ P(they tie): `Ranking.auroc`.

    Raises:
        DataError: wrong shapes, scores that are not finite, no positives or no negatives.
    """
    return Ranking(scores_N, positives_N).auroc


def covariance(rankings: Sequence[Ranking]) -> Floats:
    """DeLong's covariance matrix of the AUROCs of rankings of the same examples, (S, S).

    Raises:
        DataError: there is none, or their positives differ.
    """
    if not rankings:
        raise DataError("a covariance needs at least one ranking")
    for ranking in rankings:
        _require_same_positives(rankings[0], ranking)
    aurocs_S = np.array([ranking.auroc for ranking in rankings])
    placements_SN = np.stack([ranking.placements_N for ranking in rankings])
    return detection.placements_covariance(aurocs_S, placements_SN, rankings[0].positives_N)


def _require_same_positives(one: Ranking, other: Ranking) -> None:
    if not np.array_equal(one.positives_N, other.positives_N):
        raise DataError("rankings are compared on the same examples: their positives differ")
