"""Likeness of two vectors, beside scipy."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import scipy.spatial
import scipy.special
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from rankings import GOOD

from memest import metrics as stats
from memest.errors import InputError


@given(st.lists(st.tuples(st.integers(-5, 5), st.integers(-5, 5)), min_size=2, max_size=30))
def test_correlations_are_scipys(pairs):
    """Pearson and Spearman agree with scipy wherever scipy defines them; cosine with its definition."""
    x, y = np.array(pairs, dtype=float).T
    if np.ptp(x) and np.ptp(y):
        assert stats.pearson(x, y) == pytest.approx(scipy.stats.pearsonr(x, y)[0], abs=1e-12)
        assert stats.spearman(x, y) == pytest.approx(scipy.stats.spearmanr(x, y)[0], abs=1e-12)
    if x.any() and y.any():
        assert stats.cosine(x, y) == pytest.approx(1 - scipy.spatial.distance.cosine(x, y), abs=1e-12)


@pytest.mark.parametrize("constant", [0.0, 0.1, 7.0])
def test_constant_vectors_have_a_defined_likeness_without_warnings(constant):
    """Correlation with a constant is 0; its cosine is that of the direction (1, …, 1), or 0 for zeros."""
    flat, other = np.full(7, constant), np.arange(7.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for likeness in (stats.pearson, stats.spearman):
            assert likeness(flat, other) == likeness(other, flat) == likeness(flat, flat) == 0.0
        direction = np.ones(7) @ other / np.sqrt(7 * (other @ other))
        assert stats.cosine(flat, other) == pytest.approx(direction if constant else 0.0)


def test_likeness_survives_huge_values():
    """Nothing overflows on the way to a coefficient."""
    x = np.array([1.0, -2.0, 3.0])
    assert stats.pearson(1e300 * x, x) == pytest.approx(1.0)
    assert stats.cosine(1e300 * x, 1e-300 * x) == pytest.approx(1.0)


@pytest.mark.parametrize("likeness", [stats.pearson, stats.spearman, stats.cosine])
def test_vectors_of_different_length_have_no_likeness(likeness):
    """Two vectors are compared entry by entry, and there must be an entry."""
    with pytest.raises(InputError, match="same length"):
        likeness(GOOD, GOOD[:2])
    with pytest.raises(InputError, match="same length"):
        likeness(np.zeros(0), np.zeros(0))
