"""Values stretched to [0, 1], and means in equal bins."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from memest.metrics import Floats


def unit(values: Floats) -> Floats:
    """Values stretched to [0, 1]; all 0 where they are equal."""
    low, high = values.min(), values.max()
    return np.asarray((values - low) / (high - low)) if high > low else np.zeros_like(values)


def binned_means(at: Floats, values: Floats, edges: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """The mean of values in each bin of `at`, NaN in an empty one, and how many there are.

    Args:
        at: (M,) within the edges; the last bin holds its upper edge.
        values: (M,).
        edges: (B + 1,) ascending.
    """
    bins = (np.searchsorted(edges, at, side="right") - 1).clip(0, len(edges) - 2)
    counts = np.bincount(bins, minlength=len(edges) - 1)
    sums = np.bincount(bins, values, len(edges) - 1)
    means = np.divide(sums, counts, out=np.full(len(counts), np.nan), where=counts > 0)
    return means, counts
