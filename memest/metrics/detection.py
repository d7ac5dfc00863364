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
from memest.metrics.beta import beta_quantile
from memest.metrics.vectors import Bools, Floats, sample

_ADDED = 0.5
"""Examples that an interval adds to each kind, on its own side of all others."""


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
    """An AUROC with a confidence interval that keeps its level for few positives and AUROCs near 1 too.

    Each end is a quantile of a beta distribution. It has the mean and variance of the AUROC under random
    weights of the examples (Dirichlet, as in the Bayesian bootstrap), with half an example of each kind
    added: ranked wrongly among all others for the low end, rightly for the high end. Without that half, a
    sample that by chance holds no badly ranked positive would count as proof that there are none: with 20 to
    90 positives and AUROC ≥ .96, DeLong's 95 % interval on the logit scale covers the true value in as few
    as 70 % of samples, this one in 95 to 99 %. With many examples both are the same. At AUROC 1 the high end
    is 1. Where every placement is 0 or 1 the ends are those of a binomial share, between Jeffreys' and
    Clopper and Pearson's.

    Assumes independent examples: the two members of a duplicate pair are not independent. The level is that
    of one interval: of twenty, one is expected to miss its value.

    Source: DeLong et al. 1988 for the variances; Gaffke 2005 for the added example; weight ½ as Jeffreys'.

    Raises:
        SettingError: `level` is not between 0 and 1.
    """
    quantile(level)
    parts = placements_N[positives_N], placements_N[~positives_N]
    low = _end(parts, 0.0, (1 - level) / 2)
    high = _end(parts, 1.0, (1 + level) / 2)
    return Estimate(value, min(low, value), max(high, value))


def _end(parts: tuple[Floats, Floats], added: float, share: float) -> float:
    """One end of an interval: half an example of each kind is added, whose placement is 0 or 1."""
    variance = 0.0
    for values, other in (parts, parts[::-1]):
        count, others = values.size + _ADDED, other.size + _ADDED
        moved = (values * other.size + added * _ADDED) / others
        mean = (moved.sum() + added * _ADDED) / count
        square = (moved @ moved + added * _ADDED) / count
        variance += max(float(square - mean**2), 0.0) / (count + 1)
    if variance <= np.finfo(float).eps ** 2:
        return added
    size = float(mean * (1 - mean)) / variance - 1
    return beta_quantile(share, float(mean) * size, float(1 - mean) * size)


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


def placements_covariance(aurocs_S: Floats, placements_SN: Floats, positives_N: Bools) -> Floats:
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
