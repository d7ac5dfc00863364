"""What similarity is made of: its baselines, its bins and its deciles, by hand."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from memest.analysis.bins import binned_means
from memest.analysis.difficulty import deciles
from memest.analysis.similarity_rows import permutation_null, shuffled_cosine
from memest.metrics import cosine
from memest.reports import figures

pytestmark = pytest.mark.mlflow


def test_a_constant_and_a_permutation_score_what_they_must() -> None:
    """By hand: a constant has mean(y) / rms(y), a permutation on average the square of that."""
    y = np.array([0.0, 0.0, 3.0, 4.0])
    constant = cosine(np.ones(4), y)
    assert constant == pytest.approx(7 / (2 * 5))
    x = np.array([1.0, 0.0, 2.0, 2.0])
    every = [cosine(np.array(order), y) for order in itertools.permutations(x)]
    assert shuffled_cosine(x, y) == pytest.approx(np.mean(every))
    assert shuffled_cosine(y, y) == pytest.approx(constant**2)
    big = np.random.default_rng(1).random(20_000) ** 2
    drawn = permutation_null(big)
    assert drawn["cosine"] == pytest.approx(cosine(np.ones_like(big), big) ** 2, abs=2e-3)
    assert abs(drawn["pearson"]) < 0.01
    assert abs(drawn["spearman"]) < 0.01
    assert drawn == permutation_null(big)


def test_binned_means_against_a_loop() -> None:
    """Each bin holds its lower edge, the last one its upper edge too; an empty bin has no mean."""
    rng = np.random.default_rng(2)
    at, values = np.append(rng.random(300) * 0.8, [0.0, 1.0]), rng.random(302)
    edges = np.linspace(0, 1, 16)
    means, counts = binned_means(at, values, edges)
    for b in range(15):
        inside = (at >= edges[b]) & ((at < edges[b + 1]) | (b == 14))
        assert counts[b] == inside.sum()
        assert means[b] == pytest.approx(values[inside].mean()) if inside.any() else np.isnan(means[b])
    assert np.isnan(means[13])


def test_deciles_are_by_rank() -> None:
    """Tenths of the examples from the easiest up, equal ones in the order of ids."""
    hardness = np.array([0.5, 0.1, 0.5, 0.9, 0.0])
    assert deciles(hardness, np.array([9, 1, 2, 3, 4]), 5).tolist() == [4, 2, 3, 5, 1]
    assert np.bincount(deciles(np.zeros(103), np.arange(103)))[1:].tolist() == [11, 10, 10] * 3 + [10]


def test_gaps_are_painted() -> None:
    """A bin without a mean is a gap, not an error."""
    lines = {"csl": np.array([0.1, np.nan, 0.4])}
    assert figures.png(figures.binned(np.linspace(0, 1, 4), lines, "hardness", "mean")).startswith(b"\x89PNG")
