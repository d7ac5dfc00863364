"""Samples of scores, some of them positives."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st


@st.composite
def tied_samples(draw):
    """Few distinct scores, so that ties abound, with at least one positive and one negative."""
    size = draw(st.integers(2, 30))
    scores = draw(st.lists(st.integers(-3, 3), min_size=size, max_size=size))
    flags = draw(st.lists(st.booleans(), min_size=size - 2, max_size=size - 2))
    return np.array(scores, dtype=float), np.array([True, False, *flags])


GOOD = np.array([0.1, 0.4, 0.2])
