"""What each summary computes, by a loop or by hand."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from summary_traces import EVERY, FIFTH, only, random_traces, random_values

from memest.errors import SettingError
from memest.summaries import (
    MissingTraceError,
    Trace,
    summarise,
)


def test_csl_adds_up_the_loss_from_its_start():
    """start=1 leaves out the untouched network, start=0 (eq. 5) counts it, a later start skips more."""
    traces = only(loss=([0, 1, 2, 3], [[9.0, 1.0], [4.0, 2.0], [2.0, 3.0], [1.0, 4.0]]))
    assert summarise("csl", traces).tolist() == [7.0, 9.0]
    assert summarise("csl(start=0)", traces).tolist() == [16.0, 10.0]
    assert summarise("csl(start=3)", traces).tolist() == [1.0, 4.0]
    assert summarise("loss_drop", traces).tolist() == [8.0, -3.0]
    assert summarise("final_loss", traces).tolist() == [1.0, 4.0]
    with pytest.raises(MissingTraceError, match="last measured at epoch 3"):
        summarise("csl(start=4)", traces)


def test_a_cap_limits_what_one_epoch_adds():
    """With a cap each epoch adds the smaller of its loss and the cap; without, everything."""
    traces = only(loss=([0, 1, 2], [[9.0, 9.0], [40.0, 2.0], [1.0, 4.0]]))
    assert summarise("csl(cap=3)", traces).tolist() == [3.0 + 1.0, 2.0 + 3.0]
    assert summarise("csl(cap=100)", traces).tolist() == summarise("csl", traces).tolist()
    with pytest.raises(SettingError, match="cap"):
        summarise("csl(cap=0)", traces)


def test_sums_are_taken_in_double_precision():
    """Adding a thousand float32 losses loses nothing that float64 keeps."""
    losses = np.full((1001, 1), 0.1, dtype=np.float32)
    total = summarise("csl", lambda need: Trace(np.arange(1001), losses))
    assert total[0] == pytest.approx(1000 * float(np.float32(0.1)), rel=1e-12)


def test_loss_drop_needs_the_untouched_network():
    """Training batches have no epoch 0, so there is no drop to measure from."""
    with pytest.raises(MissingTraceError, match="untouched"):
        summarise("seen/loss_drop", only(loss=([1, 2], [[1.0], [2.0]])))


def test_sgal_stops_at_the_first_peak_of_the_weight_norm():
    """The epoch of the peak counts, later ones do not, and the norm of the untouched network is no peak."""
    loss = ([0, 2, 4, 6], [[9.0], [1.0], [10.0], [100.0]])

    def peaking_at(epoch):
        norms = np.where(np.arange(7) == epoch, 2.0, 1.0)
        norms[0] = 5.0
        return only(loss=loss, **{"scalar/weight_norm": (np.arange(7), norms[:, None])})

    assert [summarise("sgal", peaking_at(epoch))[0] for epoch in (2, 3, 4, 5, 6)] == [1, 1, 11, 11, 111]
    with pytest.raises(MissingTraceError, match="peak at epoch 1"):
        summarise("sgal", peaking_at(1))


def test_gradient_summaries_are_sums_and_means():
    """CSG adds squares; sensitivity and curvature are means of what was measured."""
    gradient = ([0, 1, 2], [[7.0, 7.0], [1.0, 2.0], [3.0, 4.0]])
    assert summarise("csg", only(input_gradient=gradient)).tolist() == [10.0, 20.0]
    assert summarise("loss_sensitivity", only(input_gradient=gradient)).tolist() == [2.0, 3.0]
    assert summarise("mean_curvature", only(curvature=gradient)).tolist() == [2.0, 3.0]


@pytest.mark.parametrize("power", [1, 2])
@pytest.mark.parametrize("tau", [None, 2.5])
@pytest.mark.parametrize("epochs", [EVERY, FIFTH])
def test_learning_time_is_the_share_of_epochs_above_the_threshold(power, tau, epochs):
    """The running mean, its mean as τ and the share of t, each as a loop over epochs and examples."""
    norms = random_values("input_gradient(norm=2)", epochs).astype(float)[1:]
    steps, examples = norms.shape
    running = [
        [sum(norms[s, i] ** power for s in range(t + 1)) / (t + 1) for t in range(steps)]
        for i in range(examples)
    ]
    limit = sum(map(sum, running)) / (steps * examples) if tau is None else tau
    expected = [sum(mean >= limit for mean in row) / steps for row in running]
    setting = "none" if tau is None else tau
    found = summarise(f"learning_time(power={power}, tau={setting})", random_traces(epochs))
    np.testing.assert_allclose(found, expected)
    if power == 2:
        never = epochs[-1] + 1
        crossed = [
            next((e for e, mean in zip(epochs[1:], row, strict=True) if mean <= limit), never)
            for row in running
        ]
        assert summarise(f"first_crossing(tau={setting})", random_traces(epochs)).tolist() == crossed


def test_learning_counts_are_those_of_a_loop():
    """First correct epoch, correct→wrong transitions and their never-learned value, example by example."""
    epochs = [0, 5, 10, 15, 20]
    rows = {
        "at once": [0, 1, 1, 1, 1],
        "late": [1, 0, 0, 1, 1],  # right at epoch 0 by chance
        "forgotten twice": [0, 1, 0, 1, 0],
        "never": [1, 0, 0, 0, 0],
    }
    traces = only(correct=(epochs, np.array(list(rows.values()), dtype=float).T))
    assert summarise("first_learned", traces).tolist() == [5, 15, 5, 21]
    assert summarise("forgetting_count(never=raw)", traces).tolist() == [0, 0, 2, 0]
    assert summarise("forgetting_count", traces).tolist() == [0, 0, 2, 5]
    assert summarise("mean_correct", traces).tolist() == [1.0, 0.5, 0.5, 0.0]


def test_never_learned_ranks_above_every_possible_count():
    """Nobody can forget more often than an example that alternates, and never learned still exceeds it."""
    alternating = np.arange(201) % 2
    correct = np.stack([alternating, np.zeros(201)], axis=1)
    count, never = summarise("forgetting_count", only(correct=(np.arange(201), correct)))
    assert count == sum(a == 1 and b == 0 for a, b in pairwise(alternating[1:]))
    assert never == 201 > count


def test_confidence_summaries_are_moments_and_ends():
    """Mean, population spread and last value of confidence; peak ignores the label."""
    confidence = ([0, 1, 2], [[0.9], [0.25], [0.75]])
    traces = only(confidence=confidence, peak=([0, 2], [[0.1], [0.8]]), margin=([1, 2], [[-1.0], [4.0]]))
    assert summarise("mean_confidence", traces).tolist() == [0.5]
    assert summarise("variability", traces).tolist() == [0.25]
    assert summarise("in_confidence", traces).tolist() == [0.25]
    assert summarise("in_peak", traces)[0] == pytest.approx(0.2)
    assert summarise("aum", traces).tolist() == [1.5]


def test_el2n_is_read_early_in_training():
    """Epochs up to and including the limit count, by their numbers; none measured there is an error."""
    traces = only(el2n=([0, 10, 20, 30], [[9.0], [1.0], [2.0], [6.0]]))
    assert summarise("mean_el2n", traces).tolist() == [1.5]
    assert summarise("mean_el2n(epochs=30)", traces).tolist() == [3.0]
    with pytest.raises(MissingTraceError, match="first measured at epoch 10"):
        summarise("mean_el2n(epochs=9)", traces)
