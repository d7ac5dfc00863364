"""The contract that every registered summary keeps."""

from __future__ import annotations

import numpy as np
import pytest
from summary_traces import EVERY, FIFTH, key_of, only, random_traces, random_values

from memest.errors import DataError, InputError, SettingError, UnknownNameError
from memest.summaries import (
    HIGHER,
    LOWER,
    SUMMARIES,
    MissingTraceError,
    Trace,
    base,
    default_summaries,
    direction,
    needs_of,
    summarise,
    summarise_all,
    suspicion,
)


def course(learned_at, epochs):
    """The share learned at each epoch: 0 before `learned_at`, then in two steps to 1."""
    return np.clip((np.asarray(epochs) - learned_at + 1) / 2, 0, 1)


def three_examples(epochs=EVERY):
    """Traces of an easy example, a hard one that is learned late and once forgotten, and one never learned.

    Their losses at epoch 0 differ as little as those of an untouched network do.
    """
    easy, hard, never = course(1, epochs), course(8, epochs), np.zeros(len(epochs))
    hard = np.where(np.asarray(epochs) == 10, 0.0, hard)
    share_EN = np.stack([easy, hard, never], axis=1)
    share_EN[0] = 0
    confidence_EN = 0.1 + share_EN * np.array([0.85, 0.8, 0])
    loss_EN = -np.log(confidence_EN)
    loss_EN[0] = [2.2, 2.6, 2.6]
    size_EN = 1.1 - confidence_EN
    values = {
        "loss": loss_EN,
        "correct": (share_EN > 0.4).astype(float),
        "confidence": confidence_EN,
        "peak": confidence_EN + np.array([0, 0, -0.01]),
        "margin": 10 * (confidence_EN - 0.5),
        "el2n": size_EN,
        "input_gradient": size_EN,
        "curvature": size_EN,
        "adversarial_distance": confidence_EN,
        "scalar/weight_norm": np.asarray(epochs, dtype=float)[:, None],
    }
    return lambda need: Trace(np.asarray(epochs), values.get(key_of(need), size_EN))


@pytest.fixture(params=default_summaries())
def text(request):
    """Every registered summary at its defaults, and the two extra settings."""
    return request.param


def test_a_summary_is_one_finite_value_per_example(text):
    """(E, N) → (N,), float64, finite, whatever the float type of the traces."""
    values = summarise(text, random_traces(examples=9))
    assert values.shape == (9,)
    assert values.dtype == np.float64
    assert np.isfinite(values).all()


def test_an_easy_example_is_less_suspicious_than_a_hard_one(text):
    """The declared direction turns every summary so that higher is harder."""
    easy, hard, _ = suspicion(text, summarise(text, three_examples()))
    assert easy < hard


NEVER_IS_NOT_HARDEST = {
    "variability": "an example whose confidence never moves does not vary",
    "loss_drop": "an example whose loss never falls has not been memorized",
}


def test_an_example_never_learned_is_the_most_suspicious(text):
    """Never learned is harder than learned late, not easier than learned first."""
    turned = suspicion(text, summarise(text, three_examples()))
    if text.split("(")[0] in NEVER_IS_NOT_HARDEST:
        assert turned.argmax() != 2, (
            f"{text} ranks what is never learned first: take it out of the table above"
        )
    elif text == "first_crossing(tau=none)" or text.startswith("learning_time"):
        assert turned[2] == turned.max()  # counts of epochs, which may tie
    else:
        message = (
            f"{text} does not rank what is never learned first: mend it, or say why not in the table above"
        )
        assert turned[2] > turned[:2].max(), message


def test_the_untouched_network_counts_only_where_it_is_declared(text):
    """Epoch 0 changes no summary that does not ask for it."""

    def spoilt(need, values):
        values[0] = 1e6
        return values

    before, after = summarise(text, random_traces()), summarise(text, random_traces(change=spoilt))
    declared = SUMMARIES.declaration(text.split("(")[0]).with_epoch_0
    same = np.array_equal(before, after)
    assert same or declared
    assert text != "csl(start=1, cap=none)" or same


def test_epochs_may_be_sparse(text):
    """Measured every fifth epoch, a summary is that of the measurements."""
    values = summarise(text, random_traces(FIFTH))
    assert np.isfinite(values).all()
    if not text.startswith(("first_", "mean_el2n")):  # those two kinds read the numbers of the epochs
        renumbered = random_traces(np.arange(len(FIFTH)))
        np.testing.assert_array_equal(values, summarise(text, renumbered))


def test_examples_may_come_in_any_order(text):
    """Permuting the examples of the traces permutes the summary."""
    order = np.random.default_rng(1).permutation(6)

    def permuted(need, values):
        return values if key_of(need).startswith("scalar/") else values[:, order]

    values = summarise(text, random_traces())
    np.testing.assert_allclose(summarise(text, random_traces(change=permuted)), values[order], rtol=1e-12)


def test_training_batches_have_the_same_summaries(text):
    """`seen/` asks for the same scores of the training batches; per-epoch scalars keep their name."""
    for need, seen in zip(needs_of(text), needs_of("seen/" + text), strict=True):
        assert seen == (need if need.startswith("scalar/") else "seen/" + need)
    plain = random_traces()
    seen_values = summarise("seen/" + text, lambda need: plain(need.removeprefix("seen/")))
    np.testing.assert_array_equal(seen_values, summarise(text, plain))
    assert direction("seen/" + text) == direction(text)


def test_a_summary_that_lost_its_trace_says_so(text):
    """A score that was not measured is the caller's error, raised through unchanged."""

    def nothing(need):
        raise MissingTraceError(f"{need} was not measured")

    with pytest.raises(MissingTraceError, match="was not measured"):
        summarise(text, nothing)
    with pytest.raises(MissingTraceError):  # only the untouched network was measured
        summarise(text, random_traces(np.array([0])))


def test_a_summary_has_a_direction(text):
    """Every entry says which way is harder, and canonical texts are stable under parsing."""
    assert direction(text) in (HIGHER, LOWER)
    assert str(SUMMARIES.parse(text)) == text
    assert str(SUMMARIES.parse(SUMMARIES.parse("seen/" + text))) == "seen/" + text


def test_every_need_names_a_score_that_exists():
    """The scores that summaries ask for are registered, under settings they accept."""
    pytest.importorskip("torch")
    scores = pytest.importorskip("memest.scores").SCORES
    for need in {need for text in default_summaries() for need in needs_of(text)}:
        assert need.startswith("scalar/") or scores.parse(need)


def test_settings_reach_the_needs():
    """A summary's settings fill in the scores it needs, in scientific notation where Python prints it."""
    assert needs_of("loss_sensitivity") == ("input_gradient(norm=1)",)
    assert needs_of("loss_sensitivity(norm=2)") == ("input_gradient(norm=2)",)
    assert needs_of("mean_curvature(probes=2)") == (
        "curvature(step=0.001, probes=2, power=1, method=difference)",
    )
    assert needs_of("seen/sgal") == ("seen/loss", "scalar/weight_norm")


def test_default_summaries_hold_every_entry_and_both_variants():
    """Everything registered is listed once, with the norm and power that paper and code disagree about."""
    names = [text.split("(")[0] for text in default_summaries()]
    assert set(names) == set(SUMMARIES)
    assert {"loss_sensitivity(norm=1)", "loss_sensitivity(norm=2)"} <= set(default_summaries())
    assert {"learning_time(power=1, tau=none)", "learning_time(power=2, tau=none)"} <= set(
        default_summaries()
    )
    assert len(set(default_summaries())) == len(default_summaries())


def test_unknown_names_and_settings_are_refused():
    """A wrong name, keyword or value is named together with what would do."""
    with pytest.raises(UnknownNameError, match="did you mean 'csl'"):
        needs_of("seen/cls")
    with pytest.raises(UnknownNameError, match="start"):
        direction("csl(begin=2)")
    with pytest.raises(SettingError, match="one of 1, 2"):
        needs_of("loss_sensitivity(norm=3)")


def test_a_new_summary_is_one_decorated_function():
    """Registering adds the entry with its declaration; a name taken twice is a bug in the code."""
    registry = base.SummaryRegistry()
    declared = base.Declaration(("loss",), LOWER, with_epoch_0=False, pooled={})

    def worst_loss(loss):
        return loss.values.max(axis=0)

    assert registry.declare(worst_loss, declared) is worst_loss
    assert registry.declaration("seen/worst_loss") is declared
    with pytest.raises(ValueError, match="already registered"):
        registry.declare(worst_loss, declared)


def test_traces_are_checked_when_made():
    """Epochs count one row each and go up; a part keeps rows and epochs together."""
    trace = Trace(np.array([0, 1, 5]), np.arange(6.0).reshape(3, 2))
    assert trace.since(1).epochs.tolist() == [1, 5]
    assert trace.since(2).values.tolist() == [[4.0, 5.0]]
    assert trace.until(4).epochs.tolist() == [0, 1]
    assert trace.since(6).values.shape == (0, 2)
    with pytest.raises(DataError, match="strictly increasing"):
        Trace(np.array([0, 1, 1]), np.zeros((3, 2)))
    with pytest.raises(DataError, match="whole numbers"):
        Trace(np.array([0.0, 1.0]), np.zeros((2, 2)))
    with pytest.raises(DataError, match="shapes"):
        Trace(np.array([0, 1]), np.zeros(2))


def test_values_that_are_not_finite_are_refused():
    """A NaN in a trace stops the summary instead of sorting somewhere."""
    with pytest.raises(InputError, match="finite"):
        summarise("csl", only(loss=([0, 1], [[1.0, 1.0], [np.nan, 1.0]])))


def test_suspicion_turns_values_by_their_declared_direction():
    """A low margin is suspicious, a high loss is; nobody else flips a sign."""
    assert suspicion("aum", [1.0, -2.0]).tolist() == [-1.0, 2.0]
    assert suspicion("csl", [1.0, -2.0]).tolist() == [1.0, -2.0]


def test_working_in_stretches_changes_no_value(text):
    """Examples summarised a few at a time get what they get all at once, pooled thresholds included."""
    whole = random_traces(examples=9)

    def stretch(start, stop):
        def traces(key):
            trace = whole(key)
            one = trace.values.shape[1] == 1
            return trace if one else Trace(trace.epochs, trace.values[:, start:stop])

        return traces

    parts = summarise(text, stretch(0, 4), stretch(4, 5), stretch(5, 9))
    np.testing.assert_allclose(parts, summarise(text, whole), rtol=1e-12)


def test_traces_may_be_held_in_a_mapping():
    """The same values as from a function; one that is not there is named with those that are."""
    traces = {need: Trace(EVERY, random_values(need, EVERY)) for need in ("loss", "margin")}
    assert summarise_all(traces, traces).keys() >= {"csl", "aum"}
    np.testing.assert_array_equal(summarise("csl", traces), summarise("csl", traces.__getitem__))
    with pytest.raises(MissingTraceError, match="correct was not measured; there are loss, margin"):
        summarise("first_learned", traces)
