"""How sure an AUROC is: DeLong's variances, intervals and paired tests, and the bootstrap.

All from placement values, (N,): per positive the share of negatives ranked below it, per negative that of
positives ranked above it, ties counting half. Their mean over either kind is the AUROC. N counts examples, m
positives, n negatives and S rankings of the same examples.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from memest.errors import SettingError
from memest.metrics.vectors import Bools, Floats, sample


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


def interval(value: float, placements_N: Floats, positives_N: Bools, level: float) -> Estimate:
    """An AUROC with DeLong's confidence interval, taken on the logit scale so that it stays in [0, 1].

    logit(A) ± z · se / (A(1 − A)), se² = var(V₁₀)/m + var(V₀₁)/n over the placement values V. At A = 1 that
    variance is 0 whatever the sample, so the interval is [(α/2)^(1/min(m, n)), 1], the exact one for
    min(m, n) disjoint pairs all in the right order; at A = 0 its mirror image. A group of one example has
    no variance of its own and takes the largest possible, A(1 − A).
    Source: DeLong et al. 1988 by the midrank form of Sun & Xu 2014; logit scale as in Pepe 2003.

    Raises:
        SettingError: `level` is not between 0 and 1.
    """
    z = quantile(level)
    parts = placements_N[positives_N], placements_N[~positives_N]
    if value in (0.0, 1.0):
        reach = ((1 - level) / 2) ** (1 / min(part.size for part in parts))
        return Estimate(value, reach, 1.0) if value else Estimate(value, 0.0, 1 - reach)
    variance = sum(_mean_variance(part, low=0) for part in parts)
    centre, margin = math.log(value / (1 - value)), z * math.sqrt(variance) / (value * (1 - value))
    return Estimate(value, min(_logistic(centre - margin), value), max(_logistic(centre + margin), value))


def difference_variance(placements_N: Floats, others_N: Floats, positives_N: Bools) -> float:
    """DeLong's variance of the difference of two AUROCs of the same examples, hence with their covariance."""
    differences_N = placements_N - others_N
    parts = differences_N[positives_N], differences_N[~positives_N]
    return sum(_mean_variance(part, low=-1) for part in parts)


def compare(difference: float, variance: float, level: float = 0.95) -> Comparison:
    """A difference of two AUROCs with its interval and two-sided p-value.

    d ± z · se, cut to [−1, 1]; p = 2Φ(−|d|/se). Where se = 0 the interval is the point d, and p is 1 if
    d = 0, else 0. Source: DeLong et al. 1988.

    Raises:
        SettingError: `level` is not between 0 and 1.
    """
    z, error = quantile(level), math.sqrt(max(variance, 0.0))
    if error == 0:
        return Comparison(difference, difference, difference, float(difference == 0))
    low, high = max(difference - z * error, -1.0), min(difference + z * error, 1.0)
    return Comparison(difference, low, high, 2 * NormalDist().cdf(-abs(difference) / error))


def covariance(aurocs_S: Floats, placements_SN: Floats, positives_N: Bools) -> Floats:
    """DeLong's covariance matrix of the AUROCs of S rankings of the same examples, (S, S).

    Summed row by row and not by a matrix product, whose bits depend on the number of threads. A group of one
    example has no variance of its own and takes the largest possible, for each difference too.
    Source: DeLong et al. 1988.
    """
    sizes_N = np.where(positives_N, positives_N.sum(), (~positives_N).sum())
    centred_SN = (placements_SN - aurocs_S[:, None]) / np.sqrt(sizes_N * np.maximum(sizes_N - 1, 1))
    matrix_SS = np.stack([(centred_SN * row_N).sum(1) for row_N in centred_SN])
    for flags_N in (positives_N, ~positives_N):
        if np.count_nonzero(flags_N) == 1:
            matrix_SS += _single(placements_SN[:, flags_N][:, 0])
    return matrix_SS


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


def quantile(level: float) -> float:
    """The normal quantile z of a two-sided interval.

    Raises:
        SettingError: `level` is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise SettingError(f"level must be a number between 0 and 1, not {level!r}")
    return NormalDist().inv_cdf((1 + level) / 2)


def _mean_variance(values: Floats, low: float) -> float:
    """The variance of the mean of `values`, which lie in [low, 1]; for one value, the largest possible."""
    if values.size == 1:
        return float((1 - values[0]) * (values[0] - low))
    return float(values.var(ddof=1) / values.size)


def _single(values_S: Floats) -> Floats:
    """The covariances of single values in [0, 1], (S, S), by which every one, and every difference of two,
    has the largest variance possible: a(1 − a), and 1 − (a − b)²."""
    sums_SS = values_S[:, None] + values_S
    matrix_SS = (sums_SS - 1) / 2 - np.outer(values_S, values_S)
    np.fill_diagonal(matrix_SS, values_S * (1 - values_S))
    return matrix_SS


def _logistic(x: float) -> float:
    return 0.5 * (1 + math.tanh(x / 2))
