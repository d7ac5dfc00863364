"""How alike two vectors are: ranks, Pearson's and Spearman's correlation, cosine. N counts examples."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from memest.errors import DataError
from memest.metrics.vectors import Floats, vector


def midranks(x_N: ArrayLike) -> Floats:
    """Ranks 1…N from the smallest up, (N,); equal values share the mean of the ranks they take up.

    Raises:
        DataError: `x_N` is not a vector of finite numbers.
    """
    _, inverse_N, counts = np.unique(vector(x_N, "x"), return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - (counts - 1) / 2
    return middle[inverse_N]


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
