"""AUROC, average precision, FPR and precision of rankings, beside scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.spatial
import scipy.special
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from rankings import GOOD, tied_samples
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from memest import metrics as stats
from memest.errors import DataError, SettingError
from memest.metrics import Ranking
from memest.metrics.beta import beta_quantile


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
