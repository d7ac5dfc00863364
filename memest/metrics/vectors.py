"""What every statistic takes: vectors of finite numbers, and what is wrong with other things."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from memest.errors import DataError

Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]


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
    """Scores as float64 and positives as booleans, (N,) each; both are copies.

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
        return array.copy()
    numbers_N = vector(array, "positives")
    if not ((numbers_N == 0) | (numbers_N == 1)).all():
        raise DataError("positives must be booleans, or zeros and ones")
    return np.asarray(numbers_N == 1)
