"""Intervals of differences of rates: coverage by counting every outcome, and what they are at the ends."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from memest.metrics.proportions import difference_of_rates

RATES = (0.001, 0.02, 0.1, 0.5, 0.9, 0.98, 0.999)


def coverage(trials: tuple[int, int], rates: tuple[float, float]) -> float:
    """The probability that the interval holds the true difference, summed over all outcomes."""
    first, second = (np.arange(count + 1) for count in trials)
    hits = np.meshgrid(first, second, indexing="ij")
    found = difference_of_rates((hits[0], hits[1]), trials)
    chance = np.outer(binom.pmf(first, trials[0], rates[0]), binom.pmf(second, trials[1], rates[1]))
    true = rates[0] - rates[1]
    return float(chance[(found.low <= true) & (true <= found.high)].sum())


@pytest.mark.parametrize("trials", [(5, 5), (11, 5), (35, 15), (210, 90)])
def test_the_interval_covers_whatever_the_rates(trials: tuple[int, int]) -> None:
    """At least 91 % anywhere and 95 % on average, also where both rates are near 0 or 1."""
    covered = [coverage(trials, (one, other)) for one in RATES for other in RATES]
    assert min(covered) > 0.91
    assert np.mean(covered) > 0.95


def test_simulated_networks_are_covered() -> None:
    """Drawn as `retrain` draws them: members by chance, 30 networks, rates that most examples have."""
    rng = np.random.default_rng(0)
    rates = rng.choice([0.0, 0.05, 0.5, 0.95, 1.0], (2, 4000))
    member = rng.random((30, 4000)) < 0.7
    right = rng.random((30, 4000)) < np.where(member, rates[1], rates[0])
    trials = member.sum(0), (~member).sum(0)
    hits = (right & member).sum(0), (right & ~member).sum(0)
    found = difference_of_rates(hits, trials)
    true = rates[1] - rates[0]
    assert ((found.low <= true) & (true <= found.high)).mean() > 0.95
    np.testing.assert_allclose(found.value, hits[0] / trials[0] - hits[1] / trials[1])


def test_rates_of_0_and_1_have_errors_too() -> None:
    """Always right against never right, five times each: sure of neither, and not beyond 1."""
    found = difference_of_rates(([5], [0]), ([5], [5]))
    assert found.value[0] == 1
    assert found.standard_error[0] > 0.1
    assert 0 < found.low[0] < 1 == found.high[0]
