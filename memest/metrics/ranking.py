"""One ranking of positives among negatives: sorted once, it answers everything that is asked of it.

Scores are (N,) numbers, higher = ranked first; positives are (N,) booleans (or zeros and ones). N counts
examples, m positives, n negatives and K distinct scores. Every value is a plain share without a unit, and
none depends on the order of the examples, ties included. Depends on numpy and `errors`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from memest.errors import DataError, SettingError

Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True)
class Estimate:
    """A value and the ends of its confidence interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Comparison:
    """A difference of two AUROCs, the ends of its interval, and the two-sided p-value of "no difference"."""

    difference: float
    low: float
    high: float
    p_value: float


class Ranking:
    """Scores and which examples are positives, sorted.

    Args:
        scores_N: (N,), higher = ranked first.
        positives_N: (N,).
        name: of the scores, for errors.

    Attributes:
        auroc: P(a positive scores above a negative) + ½ P(they tie).

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
        self._placements_N = np.empty(order_N.size)
        self._placements_N[order_N] = np.where(flags_N, *placements)

    def interval(self, level: float = 0.95) -> Estimate:
        """AUROC with DeLong's confidence interval, taken on the logit scale so that it stays in [0, 1].

        logit(A) ± z · se / (A(1 − A)), se² = var(V₁₀)/m + var(V₀₁)/n over the placement values V: per
        positive the share of negatives below it, per negative that of positives above it. At A = 1 that
        variance is 0 whatever the sample, so the interval is [(α/2)^(1/min(m, n)), 1], the exact one for
        min(m, n) disjoint pairs all in the right order; at A = 0 its mirror image. A group of one example has
        no variance of its own and takes the largest possible, A(1 − A).
        Source: DeLong et al. 1988 by the midrank form of Sun & Xu 2014; logit scale as in Pepe 2003.

        Raises:
            SettingError: `level` is not between 0 and 1.
        """
        z, value = quantile(level), self.auroc
        if value in (0.0, 1.0):
            reach = ((1 - level) / 2) ** (1 / min(self._m, self._n))
            return Estimate(value, reach, 1.0) if value else Estimate(value, 0.0, 1 - reach)
        variance = sum(_mean_variance(part, low=0) for part in self._parts(self._placements_N))
        centre, margin = math.log(value / (1 - value)), z * math.sqrt(variance) / (value * (1 - value))
        return Estimate(value, min(_logistic(centre - margin), value), max(_logistic(centre + margin), value))

    def against(self, other: Ranking, level: float = 0.95) -> Comparison:
        """This AUROC minus that of `other` on the same examples, with its interval and two-sided p-value.

        d ± z · se, cut to [−1, 1], with se² the variance of the differences of placement values, hence with
        their correlation; p = 2Φ(−|d|/se). Where se = 0 the interval is the point d, and p is 1 if d = 0,
        else 0. Source: DeLong et al. 1988.

        Raises:
            DataError: the other has other positives.
            SettingError: `level` is not between 0 and 1.
        """
        z = quantile(level)
        if not np.array_equal(self.positives_N, other.positives_N):
            raise DataError("two rankings are compared on the same examples: their positives differ")
        difference = self.auroc - other.auroc
        parts = self._parts(self._placements_N - other._placements_N)
        error = math.sqrt(sum(_mean_variance(part, low=-1) for part in parts))
        if error == 0:
            return Comparison(difference, difference, difference, float(difference == 0))
        low, high = max(difference - z * error, -1.0), min(difference + z * error, 1.0)
        return Comparison(difference, low, high, 2 * NormalDist().cdf(-abs(difference) / error))

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

    def _parts(self, values_N: Floats) -> tuple[Floats, Floats]:
        """The values of the positives, (m,), and of the negatives, (n,)."""
        return values_N[self.positives_N], values_N[~self.positives_N]


def quantile(level: float) -> float:
    """The normal quantile z of a two-sided interval.

    Raises:
        SettingError: `level` is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise SettingError(f"level must be a number between 0 and 1, not {level!r}")
    return NormalDist().inv_cdf((1 + level) / 2)


def vector(values: ArrayLike, name: str) -> Floats:
    """Finite numbers, (N,) float64.

    Raises:
        DataError: it is not a vector of finite numbers.
    """
    array = np.asarray(values)
    if array.ndim != 1 or array.dtype.kind not in "biuf":
        raise DataError(f"{name} must be a vector of numbers, not {array.dtype} of shape {array.shape}")
    if odd := np.count_nonzero(~np.isfinite(array)):
        raise DataError(f"{name} must be finite; {odd} of {array.size} are NaN or infinite: leave them out")
    return array.astype(np.float64)


def sample(scores_N: ArrayLike, positives_N: ArrayLike, name: str = "scores") -> tuple[Floats, Bools]:
    """Scores as float64 and positives as booleans, (N,) each.

    Raises:
        DataError: wrong shapes, scores that are not finite, no positives or no negatives.
    """
    scores_N, flags_N = vector(scores_N, name), _flags(positives_N)
    if scores_N.shape != flags_N.shape:
        raise DataError(f"{name} and positives differ in length: {scores_N.size} and {flags_N.size}")
    m = np.count_nonzero(flags_N)
    if m in (0, flags_N.size):
        lacking = "negatives" if m else "positives"
        raise DataError(f"positives and negatives are needed; of {flags_N.size} examples none are {lacking}")
    return scores_N, flags_N


def _flags(positives_N: ArrayLike) -> Bools:
    array = np.asarray(positives_N)
    if array.ndim == 1 and array.dtype == np.bool_:
        return array.copy()  # a ranking keeps them
    numbers_N = vector(array, "positives")
    if not ((numbers_N == 0) | (numbers_N == 1)).all():
        raise DataError("positives must be booleans, or zeros and ones")
    return np.asarray(numbers_N == 1)


def _mean_variance(values: Floats, low: float) -> float:
    """The variance of the mean of `values`, which lie in [low, 1]; for one value, the largest possible."""
    if values.size == 1:
        return float((1 - values[0]) * (values[0] - low))
    return float(values.var(ddof=1) / values.size)


def _logistic(x: float) -> float:
    return 0.5 * (1 + math.tanh(x / 2))
