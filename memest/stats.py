"""Statistics of rankings: how well scores find the positives, and how alike two vectors are.

Scores are (N,) numbers, higher = ranked first; positives are (N,) booleans (or zeros and ones). N counts
examples, m positives and n negatives. Every value is a plain share or coefficient without a unit, and none
depends on the order of the examples, ties included. Depends on numpy and `errors`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
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


def midranks(x_N: ArrayLike) -> Floats:
    """Ranks 1…N from the smallest up, (N,); equal values share the mean of the ranks they take up.

    Raises:
        DataError: `x_N` is not a vector of finite numbers.
    """
    _, inverse_N, counts = np.unique(_vector(x_N, "x"), return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - (counts - 1) / 2
    return middle[inverse_N]


def auroc(scores_N: ArrayLike, positives_N: ArrayLike) -> float:
    """P(a positive scores above a negative) + ½ P(they tie), in [0, 1]; 0.5 is chance, higher is better.

    (Σ midranks of the positives − m(m + 1)/2) / (m n), the Mann–Whitney form. Source: Hanley & McNeil 1982.

    Raises:
        DataError: wrong shapes, scores that are not finite, no positives or no negatives.
    """
    return _auroc(*_sample(scores_N, positives_N))


def auroc_interval(scores_N: ArrayLike, positives_N: ArrayLike, level: float = 0.95) -> Estimate:
    """AUROC with DeLong's confidence interval, taken on the logit scale so that it stays in [0, 1].

    logit(A) ± z · se / (A(1 − A)), se² = var(V₁₀)/m + var(V₀₁)/n over the placement values V.
    At A = 1 that variance is 0 whatever the sample, so the interval is [(α/2)^(1/min(m, n)), 1], the exact
    one for min(m, n) disjoint pairs all in the right order; at A = 0 its mirror image. A group of one
    example has no variance of its own and takes the largest possible, A(1 − A).
    Source: DeLong et al. 1988 by the midrank form of Sun & Xu 2014; logit scale as in Pepe 2003.

    Raises:
        DataError: wrong shapes, scores that are not finite, no positives or no negatives.
        SettingError: `level` is not between 0 and 1.
    """
    z = _quantile(level)
    scores_N, positives_N = _sample(scores_N, positives_N)
    value = _auroc(scores_N, positives_N)
    placements = _placements(scores_N, positives_N)
    if value in (0.0, 1.0):
        reach = ((1 - level) / 2) ** (1 / min(part.size for part in placements))
        return Estimate(value, reach, 1.0) if value else Estimate(value, 0.0, 1 - reach)
    variance = sum(_mean_variance(part, low=0) for part in placements)
    centre, margin = math.log(value / (1 - value)), z * math.sqrt(variance) / (value * (1 - value))
    return Estimate(value, min(_logistic(centre - margin), value), max(_logistic(centre + margin), value))


def paired_delong(
    scores_a_N: ArrayLike, scores_b_N: ArrayLike, positives_N: ArrayLike, level: float = 0.95
) -> Comparison:
    """AUROC of `a` minus AUROC of `b` on the same examples, with its interval and two-sided p-value.

    d ± z · se, cut to [−1, 1], with se² the variance of the differences of placement values, hence with
    their correlation; p = 2Φ(−|d|/se). Where se = 0 the interval is the point d, and p is 1 if d = 0, else 0.
    Source: DeLong et al. 1988.

    Raises:
        DataError: wrong shapes, scores that are not finite, no positives or no negatives.
        SettingError: `level` is not between 0 and 1.
    """
    z = _quantile(level)
    a_N, positives_N = _sample(scores_a_N, positives_N, "scores_a")
    b_N, _ = _sample(scores_b_N, positives_N, "scores_b")
    difference = _auroc(a_N, positives_N) - _auroc(b_N, positives_N)
    pairs = zip(_placements(a_N, positives_N), _placements(b_N, positives_N), strict=True)
    error = math.sqrt(sum(_mean_variance(part_a - part_b, low=-1) for part_a, part_b in pairs))
    if error == 0:
        return Comparison(difference, difference, difference, float(difference == 0))
    low, high = max(difference - z * error, -1.0), min(difference + z * error, 1.0)
    return Comparison(difference, low, high, 2 * NormalDist().cdf(-abs(difference) / error))


def average_precision(scores_N: ArrayLike, positives_N: ArrayLike) -> float:
    """Precision averaged over recall, in (0, 1]; the share of positives is chance, higher is better.

    Σₖ (Rₖ − Rₖ₋₁) Pₖ over the distinct scores from the highest down, without interpolation; tied examples
    enter together. Source: the definition scikit-learn uses.

    Raises:
        DataError: wrong shapes, scores that are not finite, no positives or no negatives.
    """
    true_K, false_K = _counts_from_top(*_sample(scores_N, positives_N))
    precision_K = true_K / (true_K + false_K)
    return float(np.sum(np.diff(true_K, prepend=0) * precision_K) / true_K[-1])


def fpr_at_tpr(scores_N: ArrayLike, positives_N: ArrayLike, tpr: float = 0.95) -> float:
    """The share of negatives flagged at the highest threshold that flags at least `tpr` of the positives.

    In [0, 1], lower is better. No interpolation: tied examples are flagged together.
    Source: Liang et al. 2018 (FPR at 95 % TPR).

    Raises:
        DataError: wrong shapes, scores that are not finite, no positives or no negatives.
        SettingError: `tpr` is not in (0, 1].
    """
    if not 0 < tpr <= 1:
        raise SettingError(f"tpr must be a number in (0, 1], not {tpr!r}")
    true_K, false_K = _counts_from_top(*_sample(scores_N, positives_N))
    first = int(np.argmax(true_K / true_K[-1] >= tpr))
    return float(false_K[first] / false_K[-1])


def precision_at(scores_N: ArrayLike, positives_N: ArrayLike, k: int) -> float:
    """The share of positives among the `k` highest scores, in [0, 1]; higher is better.

    Where the k-th place falls among tied scores, the expected value when the tie is broken at random:
    (positives above + places left · share of positives in the tie) / k.

    Raises:
        DataError: wrong shapes, scores that are not finite, no positives or no negatives.
        SettingError: `k` is not from 1 to N.
    """
    scores_N, positives_N = _sample(scores_N, positives_N)
    if not 1 <= k <= scores_N.size:
        raise SettingError(f"k must be from 1 to the number of examples, {scores_N.size}, not {k!r}")
    threshold = np.partition(scores_N, -k)[-k]
    above_N, tied_N = scores_N > threshold, scores_N == threshold
    places_left = k - np.count_nonzero(above_N)
    return float((positives_N[above_N].sum() + places_left * positives_N[tied_N].mean()) / k)


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
    _quantile(level)
    if resamples < 1:
        raise SettingError(f"resamples must be at least 1, not {resamples!r}")
    scores_N, positives_N = _sample(scores_N, positives_N)
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


def _auroc(scores_N: Floats, positives_N: Bools) -> float:
    m = np.count_nonzero(positives_N)
    n = positives_N.size - m
    return float((midranks(scores_N)[positives_N].sum() - m * (m + 1) / 2) / (m * n))


def _placements(scores_N: Floats, positives_N: Bools) -> tuple[Floats, Floats]:
    """Per positive the share of negatives below it, (m,); per negative of positives above it, (n,)."""
    ranks_N, negatives_N = midranks(scores_N), ~positives_N
    below_m = ranks_N[positives_N] - midranks(scores_N[positives_N])
    below_n = ranks_N[negatives_N] - midranks(scores_N[negatives_N])
    return below_m / below_n.size, 1 - below_n / below_m.size


def _mean_variance(values: Floats, low: float) -> float:
    """The variance of the mean of `values`, which lie in [low, 1]; for one value, the largest possible."""
    if values.size == 1:
        return float((1 - values[0]) * (values[0] - low))
    return float(values.var(ddof=1) / values.size)


def _counts_from_top(scores_N: Floats, positives_N: Bools) -> tuple[Floats, Floats]:
    """Positives and negatives at or above each distinct score, from the highest down: (K,) each."""
    _, inverse_N = np.unique(-scores_N, return_inverse=True)
    true_K = np.cumsum(np.bincount(inverse_N, weights=positives_N), dtype=np.float64)
    return true_K, np.cumsum(np.bincount(inverse_N), dtype=np.float64) - true_K


def _quantile(level: float) -> float:
    if not 0 < level < 1:
        raise SettingError(f"level must be a number between 0 and 1, not {level!r}")
    return NormalDist().inv_cdf((1 + level) / 2)


def _logistic(x: float) -> float:
    return 0.5 * (1 + math.tanh(x / 2))


def _vector(values: ArrayLike, name: str) -> Floats:
    array = np.asarray(values)
    if array.ndim != 1 or array.dtype.kind not in "biuf":
        raise DataError(f"{name} must be a vector of numbers, not {array.dtype} of shape {array.shape}")
    if odd := np.count_nonzero(~np.isfinite(array)):
        raise DataError(f"{name} must be finite; {odd} of {array.size} are NaN or infinite: leave them out")
    return array.astype(np.float64)


def _pair(x_N: ArrayLike, y_N: ArrayLike) -> tuple[Floats, Floats]:
    x_N, y_N = _vector(x_N, "x"), _vector(y_N, "y")
    if x_N.shape != y_N.shape or x_N.size == 0:
        raise DataError(f"x and y must have the same length, at least 1, not {x_N.size} and {y_N.size}")
    return x_N, y_N


def _sample(scores_N: ArrayLike, positives_N: ArrayLike, name: str = "scores") -> tuple[Floats, Bools]:
    scores_N, flags_N = _vector(scores_N, name), _vector(positives_N, "positives")
    if scores_N.shape != flags_N.shape:
        raise DataError(f"{name} and positives differ in length: {scores_N.size} and {flags_N.size}")
    if not np.isin(flags_N, (0, 1)).all():
        raise DataError("positives must be booleans, or zeros and ones")
    m = np.count_nonzero(flags_N)
    if m in (0, flags_N.size):
        lacking = "negatives" if m else "positives"
        raise DataError(f"positives and negatives are needed; of {flags_N.size} examples none are {lacking}")
    return scores_N, flags_N == 1
