"""Statistics of rankings: how well scores find the positives, and how alike two vectors are.

Scores are (N,) numbers, higher = ranked first; positives are (N,) booleans (or zeros and ones). N counts
examples, m positives and n negatives. Every value is a plain share or coefficient without a unit, and none
depends on the order of the examples, ties included. Depends on numpy and `errors`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from memest.errors import DataError, SettingError
from memest.metrics.ranking import Bools, Comparison, Estimate, Floats, Ranking, quantile, sample, vector

__all__ = [
    "Bools",
    "Comparison",
    "Estimate",
    "Floats",
    "Ranking",
    "auroc",
    "auroc_interval",
    "average_precision",
    "bootstrap",
    "cosine",
    "fpr_at_tpr",
    "midranks",
    "paired_delong",
    "pearson",
    "precision_at",
    "spearman",
]


def midranks(x_N: ArrayLike) -> Floats:
    """Ranks 1…N from the smallest up, (N,); equal values share the mean of the ranks they take up.

    Raises:
        DataError: `x_N` is not a vector of finite numbers.
    """
    _, inverse_N, counts = np.unique(vector(x_N, "x"), return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - (counts - 1) / 2
    return middle[inverse_N]


def auroc(scores_N: ArrayLike, positives_N: ArrayLike) -> float:
    """P(a positive scores above a negative) + ½ P(they tie), in [0, 1]; 0.5 is chance, higher is better.

    The Mann–Whitney form. Source: Hanley & McNeil 1982.

    Raises:
        DataError: wrong shapes, scores that are not finite, no positives or no negatives.
    """
    return Ranking(scores_N, positives_N).auroc


def auroc_interval(scores_N: ArrayLike, positives_N: ArrayLike, level: float = 0.95) -> Estimate:
    """AUROC with DeLong's confidence interval: `Ranking.interval`.

    Raises:
        DataError: wrong shapes, scores that are not finite, no positives or no negatives.
        SettingError: `level` is not between 0 and 1.
    """
    return Ranking(scores_N, positives_N).interval(level)


def paired_delong(
    scores_a_N: ArrayLike, scores_b_N: ArrayLike, positives_N: ArrayLike, level: float = 0.95
) -> Comparison:
    """AUROC of `a` minus AUROC of `b` on the same examples, with its interval: `Ranking.against`.

    Raises:
        DataError: wrong shapes, scores that are not finite, no positives or no negatives.
        SettingError: `level` is not between 0 and 1.
    """
    first = Ranking(scores_a_N, positives_N, "scores_a")
    return first.against(Ranking(scores_b_N, positives_N, "scores_b"), level)


def average_precision(scores_N: ArrayLike, positives_N: ArrayLike) -> float:
    """Precision averaged over recall: `Ranking.average_precision`.

    Raises:
        DataError: wrong shapes, scores that are not finite, no positives or no negatives.
    """
    return Ranking(scores_N, positives_N).average_precision()


def fpr_at_tpr(scores_N: ArrayLike, positives_N: ArrayLike, tpr: float = 0.95) -> float:
    """The share of negatives flagged when `tpr` of the positives are: `Ranking.fpr_at_tpr`.

    Raises:
        DataError: wrong shapes, scores that are not finite, no positives or no negatives.
        SettingError: `tpr` is not in (0, 1].
    """
    return Ranking(scores_N, positives_N).fpr_at_tpr(tpr)


def precision_at(scores_N: ArrayLike, positives_N: ArrayLike, k: int) -> float:
    """The share of positives among the `k` highest scores: `Ranking.precision_at`.

    Raises:
        DataError: wrong shapes, scores that are not finite, no positives or no negatives.
        SettingError: `k` is not from 1 to N.
    """
    return Ranking(scores_N, positives_N).precision_at(k)


def bootstrap(
    statistic: Callable[[Floats, Bools], float],
    scores_N: ArrayLike,
    positives_N: ArrayLike,
    rng: np.random.Generator,
    resamples: int = 1000,
    level: float = 0.95,
) -> Estimate:
    """`statistic(scores, positives)` with its percentile bootstrap interval.

    Stratified: every resample draws m positives and n negatives with replacement. Source: Efron 1979.

    Raises:
        DataError: wrong shapes, scores that are not finite, no positives or no negatives.
        SettingError: `level` is not between 0 and 1, or `resamples` is below 1.
    """
    quantile(level)
    if resamples < 1:
        raise SettingError(f"resamples must be at least 1, not {resamples!r}")
    scores_N, positives_N = sample(scores_N, positives_N)
    strata = np.flatnonzero(positives_N), np.flatnonzero(~positives_N)
    values = []
    for _ in range(resamples):
        drawn_N = np.concatenate([rng.choice(stratum, stratum.size) for stratum in strata])
        values.append(statistic(scores_N[drawn_N], positives_N[drawn_N]))
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return Estimate(float(statistic(scores_N, positives_N)), float(low), float(high))


def pearson(x_N: ArrayLike, y_N: ArrayLike) -> float:
    """Pearson's correlation in [−1, 1]; 0 where either vector is constant, as it then explains nothing.

    Raises:
        DataError: not two vectors of the same length, at least 1, of finite numbers.
    """
    x_N, y_N = _pair(x_N, y_N)
    if np.ptp(x_N) == 0 or np.ptp(y_N) == 0:
        return 0.0
    return _cosine(x_N - x_N.mean(), y_N - y_N.mean())


def spearman(x_N: ArrayLike, y_N: ArrayLike) -> float:
    """Spearman's rank correlation in [−1, 1]: Pearson's of the midranks; 0 where either is constant.

    Raises:
        DataError: not two vectors of the same length, at least 1, of finite numbers.
    """
    x_N, y_N = _pair(x_N, y_N)
    return pearson(midranks(x_N), midranks(y_N))


def cosine(x_N: ArrayLike, y_N: ArrayLike) -> float:
    """x·y / (‖x‖ ‖y‖) in [−1, 1]; 0 where either vector is all zeros.

    Nothing is centred: two vectors without negative entries are alike for nothing, so read it beside a
    constant and a permutation.

    Raises:
        DataError: not two vectors of the same length, at least 1, of finite numbers.
    """
    return _cosine(*_pair(x_N, y_N))


def _cosine(x_N: Floats, y_N: Floats) -> float:
    scale_x, scale_y = np.abs(x_N).max(), np.abs(y_N).max()
    if scale_x == 0 or scale_y == 0:
        return 0.0
    x_N, y_N = x_N / scale_x, y_N / scale_y  # so that no square overflows
    return float(np.clip(x_N @ y_N / (np.linalg.norm(x_N) * np.linalg.norm(y_N)), -1, 1))


def _pair(x_N: ArrayLike, y_N: ArrayLike) -> tuple[Floats, Floats]:
    x_N, y_N = vector(x_N, "x"), vector(y_N, "y")
    if x_N.shape != y_N.shape or x_N.size == 0:
        raise DataError(f"x and y must have the same length, at least 1, not {x_N.size} and {y_N.size}")
    return x_N, y_N
