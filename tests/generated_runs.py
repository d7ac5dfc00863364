"""Truths of generated runs."""

from __future__ import annotations

import numpy as np

from memest.testing import truth_of

N = 200
RNG = np.random.default_rng


def truth(seed: int = 0, classes: int = 4) -> dict[str, np.ndarray]:
    """A tenth of changed labels."""
    changed = np.arange(N) < N // 10
    return truth_of(RNG(seed).integers(0, classes, N), changed)
