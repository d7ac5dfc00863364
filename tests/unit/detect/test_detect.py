"""Detection: judging suspicion against what was changed, and ranking by a summary."""

from __future__ import annotations

import numpy as np
import pytest
from cleanlab.filter import find_label_issues
from sklearn.metrics import average_precision_score, roc_auc_score

from memest.detect import DETECTORS, ProtocolEvidence, detect, rank
from memest.errors import DataError, UnknownNameError
from memest.metrics import Ranking
from memest.summaries import Trace, default_summaries, summarise, suspicion


def planted(examples=400, changed=30, seed=0):
    """Suspicion that finds planted positives better than chance, and where they are."""
    rng = np.random.default_rng(seed)
    truth = rng.permutation(np.arange(examples) < changed)
    return rng.normal(size=examples) + 2 * truth, truth


def test_a_detection_is_what_scikit_learn_computes():
    """AUROC and average precision have an independent witness; counts are those of the truth."""
    suspicious, changed = planted()
    found = detect(suspicious, changed)
    assert found.auroc == Ranking(suspicious, changed).interval()
    assert found.auroc.value == pytest.approx(roc_auc_score(changed, suspicious))
    assert found.average_precision == pytest.approx(average_precision_score(changed, suspicious))
    assert (found.positives, found.examples) == (30, 400)


def test_precision_is_read_at_shares_of_the_examples_and_at_the_positives():
    """k is 1 % and 5 % of the examples and the number of positives, each counted on the sorted list."""
    suspicious, changed = planted()
    top = changed[np.argsort(-suspicious)]
    assert detect(suspicious, changed).precision_at == {k: top[:k].mean() for k in (4, 20, 30)}


def test_the_false_positive_rate_is_counted_by_hand():
    """29 of 30 positives are the first to reach 95 %; the negatives above that one are the false ones."""
    suspicious, changed = planted()
    threshold = np.sort(suspicious[changed])[::-1][28]
    assert detect(suspicious, changed).fpr95 == np.mean(suspicious[~changed] >= threshold)


def test_a_small_set_is_still_judged():
    """1 % of ten examples is one example, not none."""
    found = detect(np.arange(10), np.arange(10) >= 8)
    assert found.auroc.value == found.average_precision == 1.0
    assert found.fpr95 == 0.0
    assert found.precision_at == {1: 1.0, 2: 1.0}


@pytest.mark.parametrize("changed", [np.zeros(5, bool), np.ones(5, bool), np.zeros(4, bool)])
def test_without_both_kinds_there_is_no_detection(changed):
    """Nothing changed, everything changed, or a truth of another length is refused."""
    with pytest.raises(DataError):
        detect(np.arange(5.0), changed)


def test_a_ranking_starts_with_the_most_suspicious():
    """The direction is the summary's own; tied examples stay in their order."""
    assert rank("csl", [1.0, 3.0, 2.0, 3.0]).tolist() == [1, 3, 2, 0]
    assert rank("aum", [1.0, 3.0, 2.0, 3.0]).tolist() == [0, 2, 1, 3]
    with pytest.raises(UnknownNameError):
        rank("csk", [1.0])


def noisy_probabilities(examples=600, classes=5, seed=0):
    """Labels of which a fifth are wrong, and probabilities of a network that is often unsure."""
    rng = np.random.default_rng(seed)
    true = rng.integers(0, classes, examples)
    wrong = rng.random(examples) < 0.2
    labels = np.where(wrong, (true + rng.integers(1, classes, examples)) % classes, true)
    logits = rng.normal(size=(examples, classes)) + 2 * np.eye(classes)[true]
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return labels, probabilities.astype(np.float32)


def test_truncated_confident_learning_is_the_released_method():
    """Cleanlab's own list of that filter, best rank first; everything that it does not list is 0."""
    labels, probabilities = noisy_probabilities()
    listed = find_label_issues(
        labels, probabilities, filter_by="confident_learning", return_indices_ranked_by="self_confidence"
    )
    found = DETECTORS["confident_learning_truncated"](ProtocolEvidence(labels, None, 1, probabilities))
    assert 0 < len(listed) < len(labels) / 2
    np.testing.assert_array_equal(np.argsort(-found, kind="stable")[: len(listed)], listed)
    np.testing.assert_allclose(found[listed], 1 - np.arange(len(listed)) / len(listed))
    assert np.count_nonzero(found) == len(listed)


def test_truncated_confident_learning_lists_what_lies_off_the_diagonal():
    """By hand: of the classes that are likelier than on average over their own examples, the likeliest is
    another than the label; and so is the likeliest of all.
    """
    labels, probabilities = noisy_probabilities(seed=1)
    reach = np.array([probabilities[labels == k, k].mean() for k in range(5)])
    confident = np.where(probabilities >= reach - 1e-6, probabilities, -1)
    off = (confident.max(1) > 0) & (confident.argmax(1) != labels) & (probabilities.argmax(1) != labels)
    found = DETECTORS["confident_learning_truncated"](ProtocolEvidence(labels, None, 1, probabilities))
    np.testing.assert_array_equal(found > 0, off)


def test_truncated_confident_learning_may_list_nothing():
    """Labels that a network is sure of: no ranks, and nothing is divided by their number."""
    labels = np.arange(40) % 4
    probabilities = np.where(np.eye(4, dtype=bool)[labels], 0.97, 0.01).astype(np.float32)
    found = DETECTORS["confident_learning_truncated"](ProtocolEvidence(labels, None, 1, probabilities))
    np.testing.assert_array_equal(found, np.zeros(40))


def simulated_training(changed, epochs):
    """Scores of a training in which changed examples are learned late, less surely and less steadily."""
    rng = np.random.default_rng(0)
    learned_at = rng.gamma(4, 1, changed.size) + 10 * changed
    margin = np.minimum(epochs[:, None] - learned_at, 4 - 2 * changed)
    margin += rng.normal(size=margin.shape) * (0.5 + changed)
    confidence = 1 / (1 + np.exp(-margin))
    return {
        "loss": -np.log(confidence),
        "correct": (margin > 0).astype(float),
        "confidence": confidence,
        "peak": np.maximum(confidence, 1 - confidence),
        "margin": margin,
        "el2n": np.sqrt(2) * (1 - confidence),
        "scalar/weight_norm": epochs[:, None].astype(float),
    }


@pytest.mark.parametrize("text", [text for text in default_summaries() if text != "loss_drop"])
def test_summaries_find_planted_examples_better_than_chance(text):
    """On simulated training every summary, in its own direction, finds the examples learned late.

    Left out: `loss_drop`, whose direction is the bound's; what is learned less surely drops less.
    """
    changed, epochs = np.arange(300) < 30, np.arange(25)
    values = simulated_training(changed, epochs)
    values["adversarial_distance(steps=5)"] = values["confidence"]
    found = summarise(text, lambda need: Trace(epochs, values.get(need, 1 - values["confidence"])))
    assert detect(suspicion(text, found), changed).auroc.low > 0.5
