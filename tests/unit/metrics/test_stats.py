"""memest.metrics against scikit-learn, scipy and definitions written out as loops."""

from __future__ import annotations

import math
import warnings
from statistics import NormalDist

import numpy as np
import pytest
import scipy.spatial
import scipy.special
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from memest import metrics as stats
from memest.errors import DataError, InputError, SettingError
from memest.metrics import Ranking, covariance
from memest.metrics.beta import beta_quantile


def sample(seed=0, m=13, n=29, levels=None):
    """Scores with a signal, tied when `levels` is given, and their positives, in a shuffled order."""
    rng = np.random.default_rng(seed)
    positives = rng.permutation(np.arange(m + n) < m)
    scores = rng.normal(size=m + n) + positives
    return (scores if levels is None else np.round(scores * levels)), positives


@st.composite
def tied_samples(draw):
    """Few distinct scores, so that ties abound, with at least one positive and one negative."""
    size = draw(st.integers(2, 30))
    scores = draw(st.lists(st.integers(-3, 3), min_size=size, max_size=size))
    flags = draw(st.lists(st.booleans(), min_size=size - 2, max_size=size - 2))
    return np.array(scores, dtype=float), np.array([True, False, *flags])


def placements(scores, positives):
    """Placement values by comparing every positive with every negative."""
    wins = [[1.0 if x > y else 0.5 if x == y else 0.0 for y in scores[~positives]] for x in scores[positives]]
    return np.mean(wins, axis=1), np.mean(wins, axis=0)


def delong_covariance(rankings, positives):
    """DeLong's covariance matrix of several AUROCs, from the O(mn) placement values."""
    v10, v01 = zip(*(placements(scores, positives) for scores in rankings), strict=True)
    return np.cov(v10) / positives.sum() + np.cov(v01) / (~positives).sum()


@given(st.lists(st.integers(-4, 4), max_size=30))
def test_midranks_are_scipys_average_ranks(x):
    """Equal values share the mean of their ranks."""
    np.testing.assert_array_equal(stats.midranks(np.array(x, dtype=float)), scipy.stats.rankdata(x))


@given(tied_samples())
def test_auroc_is_scikit_learns(case):
    """AUROC is the area under the ROC curve, ties included."""
    assert stats.auroc(*case) == pytest.approx(roc_auc_score(case[1], case[0]), abs=1e-12)


@given(tied_samples())
def test_auroc_mirrors_under_a_sign_flip(case):
    """Turning the scores, or swapping the classes, gives 1 − AUROC; doing both changes nothing."""
    scores, positives = case
    mirrored = pytest.approx(1 - stats.auroc(scores, positives), abs=1e-12)
    assert stats.auroc(-scores, positives) == mirrored
    assert stats.auroc(scores, ~positives) == mirrored


@given(tied_samples(), st.randoms(use_true_random=False))
def test_no_statistic_depends_on_the_order_of_examples(case, random):
    """Shuffling scores and positives together changes nothing, however many scores are tied."""
    scores, positives = case
    order = random.sample(range(scores.size), scores.size)
    for statistic in (
        stats.auroc,
        lambda s, p: Ranking(s, p).average_precision(),
        lambda s, p: Ranking(s, p).fpr_at_tpr(),
        lambda s, p: Ranking(s, p).precision_at((s.size + 1) // 2),
        lambda s, p: Ranking(s, p).interval().low,
        lambda s, p: Ranking(s, p).against(Ranking(s**2, p)).p_value,
    ):
        assert statistic(scores[order], positives[order]) == pytest.approx(
            statistic(scores, positives), abs=1e-9
        )


@pytest.mark.parametrize("share", [0.005, 0.025, 0.5, 0.975])
def test_beta_quantiles_are_scipys(share):
    """For shapes from a tenth to ten thousand, to eight digits of the distance to the nearer end."""
    for a, b in 10 ** np.random.default_rng(0).uniform(-1, 4, (50, 2)):
        expected = scipy.stats.beta.ppf(share, a, b)
        if 1e-200 < expected < 1 - 1e-12:
            assert beta_quantile(share, a, b) == pytest.approx(expected, rel=1e-8)
            assert 1 - beta_quantile(share, a, b) == pytest.approx(1 - expected, rel=1e-6)


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


@given(tied_samples())
def test_average_precision_is_scikit_learns(case):
    """Tied examples enter together, without interpolation."""
    expected = average_precision_score(case[1], case[0])
    assert Ranking(*case).average_precision() == pytest.approx(expected, abs=1e-12)


@given(tied_samples(), st.sampled_from([0.05, 0.5, 0.95, 1.0]))
def test_fpr_at_tpr_is_read_off_the_roc_curve(case, tpr):
    """The smallest false-positive rate on the ROC curve among points that reach the asked recall."""
    scores, positives = case
    fpr, reached, _ = roc_curve(positives, scores, drop_intermediate=False)
    assert Ranking(scores, positives).fpr_at_tpr(tpr) == pytest.approx(fpr[reached >= tpr].min())


def test_recall_of_exactly_the_asked_share_is_enough():
    """19 of 20 positives are 95 %: the twentieth, ranked last, costs nothing."""
    scores = np.concatenate([np.arange(100, 81, -1), [-1], np.zeros(50)])
    positives = np.arange(70) < 20
    assert Ranking(scores, positives).fpr_at_tpr(0.95) == 0.0
    assert Ranking(scores, positives).fpr_at_tpr(1.0) == 1.0


@pytest.mark.parametrize("k", [1, 3, 5, 8])
def test_precision_at_is_the_mean_over_random_tie_breaks(k):
    """Among tied scores precision is what breaking the tie at random gives on average."""
    scores = np.array([3, 2, 2, 2, 2, 1, 1, 0.0])
    positives = np.array([1, 1, 0, 0, 1, 1, 0, 0], dtype=bool)
    rng, found = np.random.default_rng(0), []
    for _ in range(4000):
        order = np.lexsort([rng.random(scores.size), -scores])
        found.append(positives[order[:k]].mean())
    assert Ranking(scores, positives).precision_at(k) == pytest.approx(np.mean(found), abs=0.02)


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


GOOD = np.array([0.1, 0.4, 0.2])
MIXED = np.array([True, False, False])


@pytest.mark.parametrize(
    "statistic",
    [
        stats.auroc,
        Ranking,
        lambda s, p: stats.bootstrap(stats.auroc, s, p, np.random.default_rng(0), 2),
    ],
)
@pytest.mark.parametrize(
    ("scores", "positives", "message"),
    [
        (GOOD, MIXED[:2], "differ in length: 3 and 2"),
        (GOOD[:, None], MIXED, r"not float64 of shape \(3, 1\)"),
        (np.array(["a", "b", "c"]), MIXED, "a vector of numbers"),
        (np.array([0.1, np.nan, np.inf]), MIXED, "2 of 3 are NaN or infinite"),
        (GOOD, np.array([2, 0, 1]), "zeros and ones"),
        (GOOD, np.zeros(3), "none are positives"),
        (GOOD, np.ones(3), "none are negatives"),
        (GOOD[:0], MIXED[:0], "none are positives"),
    ],
)
def test_a_sample_that_cannot_be_judged_is_refused(statistic, scores, positives, message):
    """Every statistic says what is wrong with its input, as the caller's to mend."""
    with pytest.raises(DataError, match=message):
        statistic(scores, positives)


@pytest.mark.parametrize(
    "call",
    [
        lambda: Ranking(GOOD, MIXED).interval(1.0),
        lambda: Ranking(GOOD, MIXED).against(Ranking(GOOD, MIXED), level=95),
        lambda: Ranking(GOOD, MIXED).fpr_at_tpr(0),
        lambda: Ranking(GOOD, MIXED).precision_at(0),
        lambda: Ranking(GOOD, MIXED).precision_at(4),
        lambda: stats.bootstrap(stats.auroc, GOOD, MIXED, np.random.default_rng(0), resamples=0),
    ],
)
def test_a_setting_out_of_range_is_refused(call):
    """Levels, recalls, list lengths and counts have ranges."""
    with pytest.raises(SettingError, match="must be"):
        call()


@pytest.mark.parametrize("likeness", [stats.pearson, stats.spearman, stats.cosine])
def test_vectors_of_different_length_have_no_likeness(likeness):
    """Two vectors are compared entry by entry, and there must be an entry."""
    with pytest.raises(InputError, match="same length"):
        likeness(GOOD, GOOD[:2])
    with pytest.raises(InputError, match="same length"):
        likeness(np.zeros(0), np.zeros(0))
