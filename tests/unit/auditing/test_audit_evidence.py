"""What an audit concludes from evidence, on small evidence that is made up."""

from __future__ import annotations

import numpy as np
import pytest

from memest.auditing.calibration import calibrate, reliability_of
from memest.auditing.conclude import conclude
from memest.auditing.evidence import Evidence, log_margin, other_class
from memest.auditing.findings import Audited
from memest.auditing.noise_model import wrong_by_noise
from memest.auditing.ranking import label_suspicion
from memest.auditing.wrong_share import wrong_share
from memest.metrics import auroc

CLASSES = ("cat", "dog", "fox")


def evidence(labels: list[int], probabilities: list[list[float]], losses: list[list[float]]) -> Evidence:
    """Of examples with ids 10, 11, …"""
    ids = np.arange(len(labels)) + 10
    epochs = np.arange(1, len(losses) + 1)
    return Evidence(ids, np.array(labels), np.array(probabilities), True, epochs, np.float32(losses))


def audited(labels: list[int]) -> Audited:
    """A data set of the same ids."""
    ids = np.arange(len(labels)) + 10
    files = tuple(f"{n}.png" for n in ids)
    return Audited("made_up", "f", CLASSES, ids, files, np.array(labels))


def test_the_margin_is_that_of_the_logits() -> None:
    """ln p(label) − ln p(other) is the difference of the two logits, whatever the others are."""
    logits = np.array([[2.0, 0.5, -1.0], [0.0, 3.0, 1.0]])
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    np.testing.assert_allclose(log_margin(probabilities, np.array([0, 2])), [1.5, -2.0])
    np.testing.assert_array_equal(other_class(probabilities, np.array([0, 2])), [1, 1])


def test_a_label_that_both_kinds_of_evidence_doubt_comes_first() -> None:
    """The third example is doubted by the network that never saw it, and its loss stays high."""
    labels = [0, 1, 2, 0] + [0, 1] * 30
    some = evidence(
        labels,
        [[0.9, 0.05, 0.05], [0.1, 0.8, 0.1], [0.97, 0.02, 0.01], [0.6, 0.3, 0.1]]
        + [[0.98, 0.01, 0.01], [0.01, 0.98, 0.01]] * 30,
        [[0.3, 0.4, 2.0, 0.9] + [0.1] * 60, [0.1, 0.2, 1.9, 0.5] + [0.1] * 60],
    )
    found = conclude(audited(labels), some)
    assert found.order[0] == 2
    assert found.suggested[2] == 0
    assert found.kind[2] == "wrong"
    assert "says cat, .97" in found.why[2] and "stayed high to the end" in found.why[2]


def test_evidence_is_joined_by_id() -> None:
    """Evidence in another order gives the same findings."""
    some = evidence([0, 1, 2], [[0.9, 0.05, 0.05], [0.1, 0.8, 0.1], [0.9, 0.05, 0.05]], [[0.3, 0.4, 2.0]])
    turned = Evidence(some.ids[::-1], some.labels[::-1], some.probabilities[::-1], True, some.epochs,
                      some.losses[:, ::-1])  # fmt: skip
    np.testing.assert_array_equal(
        conclude(audited([0, 1, 2]), turned).rank, conclude(audited([0, 1, 2]), some).rank
    )


def drawn(
    seed: int, share: float, count: int = 4000, separation: float = 3.5, harder: float = 1.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Suspicion of labels of which a share is wrong, and 3 % planted: like the wrong ones, or further up."""
    rng = np.random.default_rng(seed)
    planted = rng.random(count) < 0.03
    wrong = (rng.random(count) < share) & ~planted
    return rng.normal(np.where(planted, separation, np.where(wrong, harder * separation, 0))), planted, wrong


@pytest.mark.parametrize("share", [0.02, 0.1])
def test_the_probability_is_that_of_being_wrong(share: float) -> None:
    """Over many data sets: the sum of the probabilities is the number of wrong labels, within a quarter."""
    said, true = 0.0, 0.0
    for seed in range(10):
        values, planted, wrong = drawn(seed, share)
        said += calibrate(values, planted, wrong_share(values, planted).value).of(values[~planted]).sum()
        true += wrong.sum()
    assert abs(said / true - 1) < 0.25


def test_a_data_set_without_errors_is_said_to_have_hardly_any() -> None:
    """Only planted errors are suspicious, so that the guess is far below the planted share.

    It is .0046, and would be below .004 if real errors were known to stand as high as planted ones.
    """
    assert np.mean([wrong_share(*drawn(seed, 0.0)[:2]).value for seed in range(10)]) < 0.005


@pytest.mark.parametrize(
    ("separation", "least", "most"), [(0.5, 0.12, 1.0), (1.5, 0.0, 0.2), (2.5, 0.0, 0.12), (3.5, 0.0, 0.12)]
)
def test_the_share_lies_in_its_interval_whatever_networks_can_tell(
    separation: float, least: float, most: float
) -> None:
    """5 % wrong: most 90 % intervals hold it, wide ones where planted errors hardly stand out.

    At 1.5, too: real errors that stand lower than planted ones could be among those that look right.
    """
    found = [wrong_share(*drawn(seed, 0.05, separation=separation)[:2]) for seed in range(12)]
    assert sum(one.low <= 0.05 <= one.high for one in found) >= 9
    assert least < np.mean([one.high - one.low for one in found]) < most


def test_the_interval_holds_the_share_where_real_errors_are_harder_to_tell_than_planted_ones() -> None:
    """They stand three quarters as far up, as errors that networks make themselves do."""
    found = [wrong_share(*drawn(seed, 0.05, 2500, separation=2.5, harder=0.75)[:2]) for seed in range(12)]
    assert sum(one.low <= 0.05 <= one.high for one in found) >= 9


def test_a_network_that_knows_nothing_calls_no_label_wrong() -> None:
    """60 examples, probabilities of chance: no label called wrong, few images ambiguous, no share told."""
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], 20)
    chance = rng.dirichlet([8.0] * 3, 60)
    losses = np.full((3, 60), 1.1) + rng.normal(0, 0.1, (3, 60))
    some = evidence(labels.tolist(), chance.tolist(), losses.tolist())
    found = conclude(audited(labels.tolist()), some)
    assert (found.kind == "wrong").sum() == 0 and (found.kind == "ambiguous").sum() <= 6
    assert "the networks agree with" in found.estimate.unknown


def test_without_planted_errors_a_sure_network_says_which_labels_are_wrong() -> None:
    """It is right and sure elsewhere: 10 of 200 labels that it holds for impossible are wrong."""
    rng = np.random.default_rng(1)
    right = rng.integers(0, 3, 200)
    labels = right.copy()
    labels[:10] = (labels[:10] + 1) % 3
    probabilities = np.full((200, 3), 0.01)
    probabilities[np.arange(200), right] = 0.98
    some = evidence(labels.tolist(), probabilities.tolist(), np.ones((2, 200)).tolist())
    probability, share = wrong_by_noise(some)
    assert (probability[:10] > 0.5).all() and (probability[10:] < 0.05).all()
    assert 0.025 < share.value < 0.09 and share.low < 0.05 < share.high


def test_reliability_is_near_the_diagonal_where_planted_errors_are_like_the_others() -> None:
    """Of the labels said to be wrong with a probability about that share is, in the bins that hold many."""
    values, planted, _ = drawn(1, 0.05, 20_000)
    found = reliability_of(values, planted, wrong_share(values, planted).value)
    assert found.count.sum() == len(values)
    assert (np.diff(found.said) > 0).all()
    many = found.count > 100
    assert np.abs(found.said - found.observed)[many].max() < 0.2


def test_planted_labels_are_no_findings() -> None:
    """A planted example is judged by its given label: it is not wrong, though what was trained on is."""
    rng = np.random.default_rng(0)
    count = 300
    given = rng.integers(0, 3, count)
    trained = given.copy()
    trained[:20] = (given[:20] + 1) % 3
    probabilities = np.full((count, 3), 0.05)
    probabilities[np.arange(count), given] = 0.9 + 0.05 * rng.random(count)
    losses = np.where(np.arange(count) < 20, 3.0, 0.2) + rng.random((5, count))
    some = Evidence(np.arange(count) + 10, trained, probabilities, True, np.arange(1, 6), np.float32(losses))
    found = conclude(audited(given.tolist()), some, "by hand")
    assert found.planted is not None
    assert found.planted.count == 20
    assert found.planted.found[19] == 20
    assert auroc(label_suspicion(some), trained != given) > 0.99
    assert not (found.kind == "wrong").any()
    assert np.median(found.rank[:20]) > 50
