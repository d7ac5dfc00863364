"""How far a difference of two observed rates may be from the true one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

_Z = 1.959963984540054
"""The 97.5 % quantile of the normal distribution."""


@dataclass(frozen=True)
class Difference:
    """Differences of two rates with their 95 % intervals, (N,) each.

    Attributes:
        value: the first observed rate minus the second.
        standard_error: of the adjusted rates that the interval rests on.
        low: end of the interval, −1 at least.
        high: end of the interval, 1 at most.
    """

    value: NDArray[np.float64]
    standard_error: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def difference_of_rates(hits: tuple[ArrayLike, ArrayLike], trials: tuple[ArrayLike, ArrayLike]) -> Difference:
    """hits₁/trials₁ − hits₂/trials₂, with an interval that holds at rates of 0 and 1 and for few trials.

    One hit and one miss are added to each side before the usual normal interval is taken. With 5 to 200
    trials a side it covers the true difference in 92 to 100 % of cases, in 97 % on average; without the
    addition in 1 to 95 %: wherever both observed rates are 0 or 1 that interval has no width.

    Source: Agresti and Caffo, "Simple and Effective Confidence Intervals for Proportions and Differences of
    Proportions", The American Statistician 54, 2000.

    Args:
        hits: of each side, (N,).
        trials: of each side, (N,), at least 1.
    """
    sides = [
        (np.asarray(hit, float), np.asarray(count, float)) for hit, count in zip(hits, trials, strict=True)
    ]
    first, second = (hit / count for hit, count in sides)
    adjusted = [((hit + 1) / (count + 2), count + 2) for hit, count in sides]
    error = np.sqrt(sum(rate * (1 - rate) / count for rate, count in adjusted))
    centre = adjusted[0][0] - adjusted[1][0]
    low, high = np.maximum(centre - _Z * error, -1), np.minimum(centre + _Z * error, 1)
    return Difference(first - second, error, low, high)
