"""Names of scores, and sets of them."""

from __future__ import annotations

import pytest
from logit_formulas import WITNESS

from memest.errors import InputError, UnknownNameError
from memest.scores import KINDS, SCORES, ScoreSet, canonical


def test_logits_stands_for_every_score_made_from_logits() -> None:
    """`logits` expands to all of them, once, also beside one of its own."""
    expected = [key for key in SCORES if KINDS[key].source == "logits"]
    assert ScoreSet("logits").keys == expected
    missing = set(expected) ^ set(WITNESS)
    assert not missing, f"write the formula of {missing} in float64 into WITNESS of tests/logit_formulas.py"
    assert ScoreSet("loss, logits, loss").keys == ["loss", *(key for key in expected if key != "loss")]


def test_keys_are_canonical() -> None:
    """However a score is spelled, it is stored under one key, with its defaults filled in."""
    full = "curvature(step=0.001, probes=10, power=1, method=difference)"
    for spelling in ("curvature", "curvature()", " curvature( power = 1,step=1e-3 )", full):
        assert canonical(spelling) == full
        assert ScoreSet(spelling).keys == [full]
    assert canonical("seen/loss") == "seen/loss"
    assert ScoreSet("curvature, curvature(probes=10)").keys == [full]


def test_a_set_of_scores_prints_as_what_it_parses() -> None:
    """The text of a set gives the set back, as the configuration of a run needs."""
    scores = ScoreSet("input_gradient(norm=1), logits, curvature(probes=2)")
    assert ScoreSet(str(scores)).keys == scores.keys
    assert len(ScoreSet("")) == 0


def test_a_set_of_scores_splits_by_source() -> None:
    """What is free and what costs a backward pass can be told apart, and nothing is lost."""
    scores = ScoreSet("curvature, loss, input_gradient")
    assert scores.of("logits").keys == ["loss"]
    assert [key.split("(")[0] for key in scores.of("input").keys] == ["curvature", "input_gradient"]


@pytest.mark.parametrize(
    "text",
    [
        "los",
        "loss(norm=2)",
        "curvature(probes=0)",
        "curvature(probes=2.5)",
        "curvature(step=0)",
        "curvature(step=-1)",
        "curvature(step=nan)",
        "curvature(power=3)",
        "input_gradient(norm=inf)",
        "loss,,correct",
        "loss, curvature(probes=0)",
    ],
)
def test_a_score_that_cannot_be_is_refused_before_anything_runs(text: str) -> None:
    """An unknown score or keyword, or a value out of range, is an error of the one who asked."""
    with pytest.raises(InputError):
        ScoreSet(text)


def test_an_unknown_score_is_answered_with_the_nearest() -> None:
    """The message names the score that was probably meant."""
    with pytest.raises(UnknownNameError, match="did you mean 'curvature'"):
        ScoreSet("curvatur")
