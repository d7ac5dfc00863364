"""Intervals of an AUROC and paired tests, beside DeLong and simulation."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
import scipy.spatial
import scipy.special
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from rankings import tied_samples
from sklearn.metrics import roc_auc_score

from memest import metrics as stats
from memest.metrics import Ranking, covariance


def sample(seed=0, m=13, n=29, levels=None):
    """Scores with a signal, tied when `levels` is given, and their positives, in a shuffled order."""
    rng = np.random.default_rng(seed)
    positives = rng.permutation(np.arange(m + n) < m)
    scores = rng.normal(size=m + n) + positives
    return (scores if levels is None else np.round(scores * levels)), positives


def placements(scores, positives):
    """Placement values by comparing every positive with every negative."""
    wins = [[1.0 if x > y else 0.5 if x == y else 0.0 for y in scores[~positives]] for x in scores[positives]]
    return np.mean(wins, axis=1), np.mean(wins, axis=0)


def delong_covariance(rankings, positives):
    """DeLong's covariance matrix of several AUROCs, from the O(mn) placement values."""
    v10, v01 = zip(*(placements(scores, positives) for scores in rankings), strict=True)
    return np.cov(v10) / positives.sum() + np.cov(v01) / (~positives).sum()


@pytest.mark.parametrize("levels", [None, 1])
def test_an_interval_is_that_of_random_weights(levels):
    """Its ends are those of AUROCs under drawn Dirichlet weights, half an example of each kind added.

    Below all others for the low end, above for the high one; 20,000 draws, compared to a hundredth.
    """
    scores, positives = sample(levels=levels)
    rng, found = np.random.default_rng(0), Ranking(scores, positives).interval(0.9)
    wins = np.sign(scores[positives][:, None] - scores[~positives]) / 2 + 0.5
    for added, share, end in ((0.0, 0.05, found.low), (1.0, 0.95, found.high)):
        padded = np.pad(wins, (0, 1), constant_values=added)
        weights = [rng.dirichlet([1.0] * (size - 1) + [0.5], 20_000) for size in padded.shape]
        drawn = np.einsum("ri,ij,rj->r", weights[0], padded, weights[1], optimize=True)
        assert end == pytest.approx(np.quantile(drawn, share), abs=0.01)


@given(tied_samples(), st.sampled_from([0.5, 0.95, 0.999]))
def test_an_interval_stays_in_the_unit_range_around_its_value(case, level):
    """0 ≤ low ≤ AUROC ≤ high ≤ 1 for any sample, single examples and perfect rankings included."""
    found = Ranking(*case).interval(level)
    assert 0 <= found.low <= found.value <= found.high <= 1


def test_a_perfect_ranking_has_an_interval_of_width():
    """AUROC 1 of 10 positives among many is bounded below as a share of 10 in 10; AUROC 0 mirrors it."""
    positives = np.arange(5000) < 10
    perfect = Ranking(positives, positives).interval()
    strict = scipy.stats.binomtest(10, 10).proportion_ci(0.95).low
    jeffreys = scipy.stats.beta.ppf(0.025, 10.5, 0.5)
    assert perfect.value == perfect.high == 1.0
    assert strict < perfect.low < jeffreys
    inverted = Ranking(~positives, positives).interval()
    assert (inverted.value, inverted.low) == (0.0, 0.0)
    assert inverted.high == pytest.approx(1 - perfect.low)


def binormal(rng, area, m, n):
    """Normal scores of one width."""
    return rng.normal(size=m) + math.sqrt(2) * NormalDist().inv_cdf(area), rng.normal(size=n)


def wide(rng, area, m, n):
    """Positives spread twice as wide as negatives: a long tail of hard ones."""
    return 2 * rng.normal(size=m) + math.sqrt(5) * NormalDist().inv_cdf(area), rng.normal(size=n)


def missed(rng, area, m, n):
    """All positives far above, but a few that are as the negatives are."""
    return rng.normal(size=m) + 10 * (rng.random(m) >= 2 * (1 - area)), rng.normal(size=n)


def buried(rng, area, m, n):
    """All positives above every negative, but a few below all of them."""
    return np.where(rng.random(m) < area, 9.0, -9.0), rng.normal(size=n)


@pytest.mark.parametrize("draw", [binormal, wide, missed, buried])
@pytest.mark.parametrize("area", [0.8, 0.96, 0.99])
@pytest.mark.parametrize("m", [20, 50, 90])
def test_an_interval_holds_its_level(draw, area, m):
    """With few positives and AUROCs near 1 as elsewhere, 95 % intervals hold the true AUROC.

    Of 300 samples at least 93 %: one in a hundred such counts of a true 95 % is lower. DeLong's interval
    on the logit scale holds it in as few as 70 %.
    """
    rng, held = np.random.default_rng(m), 0
    for _ in range(300):
        above, below = draw(rng, area, m, 300)
        found = Ranking(np.concatenate([above, below]), np.arange(m + 300) < m).interval()
        held += found.low <= area <= found.high
    assert held / 300 >= 0.93


def test_an_interval_of_many_examples_is_delongs():
    """With 2,000 positives its width is that of ± 1.96 standard errors to a twentieth."""
    scores, positives = sample(m=2000, n=4000)
    ranking = Ranking(scores, positives)
    found, error = ranking.interval(), math.sqrt(covariance([ranking])[0, 0])
    assert found.high - found.low == pytest.approx(2 * 1.96 * error, rel=0.05)
    assert found.value - found.low == pytest.approx(found.high - found.value, rel=0.1)


@pytest.mark.parametrize("levels", [None, 1])
def test_paired_delong_is_the_contrast_of_the_double_loop(levels):
    """Difference, interval and p-value follow from the naive covariance of the two AUROCs."""
    a, positives = sample(levels=levels)
    b = a + 2 * np.random.default_rng(1).normal(size=a.size)
    covariance = delong_covariance([a, b], positives)
    error = math.sqrt(np.array([1, -1]) @ covariance @ np.array([1, -1]))
    difference = roc_auc_score(positives, a) - roc_auc_score(positives, b)
    found = Ranking(a, positives).against(Ranking(b, positives))
    assert found.difference == pytest.approx(difference)
    assert (found.low, found.high) == pytest.approx(
        tuple(difference + np.array([-1, 1]) * scipy.stats.norm.ppf(0.975) * error)
    )
    assert found.p_value == pytest.approx(2 * scipy.stats.norm.sf(abs(difference) / error))


def test_a_ranking_does_not_differ_from_itself():
    """The same ranking on another scale has difference 0 and p-value 1."""
    scores, positives = sample()
    assert Ranking(scores, positives).against(Ranking(np.exp(scores), positives)) == stats.Comparison(
        0.0, 0.0, 0.0, 1.0
    )


def test_paired_delong_rejects_at_its_level_when_nothing_differs():
    """Two equally good, correlated scores come out at p < 0.1 about 10 % of the time."""
    hits = []
    for seed in range(1000):
        shared, positives = sample(seed, m=40, n=60)
        a, b = shared + np.random.default_rng(10_000 + seed).normal(size=(2, shared.size))
        hits.append(Ranking(a, positives).against(Ranking(b, positives)).p_value < 0.1)
    assert np.mean(hits) == pytest.approx(0.1, abs=0.03)


def test_bootstrap_agrees_with_the_interval_and_keeps_its_strata():
    """Resamples hold as many positives as the sample; its interval is near the other; a seed repeats it."""
    scores, positives = sample(m=60, n=120)
    sizes = set()

    def counted_auroc(scores, positives):
        sizes.add((positives.sum(), positives.size))
        return stats.auroc(scores, positives)

    found = stats.bootstrap(counted_auroc, scores, positives, np.random.default_rng(0))
    ours = Ranking(scores, positives).interval()
    assert sizes == {(60, 180)}
    assert found.value == ours.value
    assert (found.low, found.high) == pytest.approx((ours.low, ours.high), abs=0.02)
    assert found == stats.bootstrap(stats.auroc, scores, positives, np.random.default_rng(0))
