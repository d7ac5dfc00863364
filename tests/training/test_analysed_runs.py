"""Runs of a real store that are analysed together."""

from __future__ import annotations

import re

import pytest
from short_runs import training

from memest.errors import (
    NoRunsError,
)
from memest.grammar.config import build
from memest.stages import analyze, train

pytestmark = pytest.mark.mlflow


def test_a_query_without_runs_says_why(sealed: dict[str, str]) -> None:
    """The condition that removed the last run is named, with the values there are."""
    train.train(training(**sealed))
    with pytest.raises(NoRunsError, match=r"seed=7 removed the last run .* model=tiny, seed is 0"):
        analyze.analyze(build(analyze.AnalyzeConfig, sealed | {"where": "model=tiny, seed=7"}))


def test_runs_of_another_recipe_are_not_averaged(tracked: dict[str, str]) -> None:
    """Only runs that differ in seeds share a row; another learning rate is another group."""
    for settings in ({"seed": 0}, {"seed": 1}, {"seed": 0, "lr": 0.01}):
        train.train(training(**settings, **tracked))
    text = analyze.analyze(build(analyze.AnalyzeConfig, tracked)).text
    assert sorted(re.findall(r"(\d) runs?:", text)) == ["1", "2"]


def test_runs_without_a_loss_are_analysed_too(tracked: dict[str, str]) -> None:
    """A run that measured margins only is judged by what it has, and ranked with what all runs share."""
    train.train(training(scores="margin", **tracked, seed=0, corruption_seed=0))
    train.train(training(**tracked, seed=1, corruption_seed=0))
    text = analyze.analyze(build(analyze.AnalyzeConfig, tracked)).text
    assert "2 runs:" in text
    assert "\naum " in text


def test_one_seed_is_one_seed_however_often_it_was_measured(tracked: dict[str, str]) -> None:
    """The same training with other scores is joined to the first: it is no further seed."""
    train.train(training(scores="margin", **tracked))
    train.train(training(**tracked))
    text = analyze.analyze(build(analyze.AnalyzeConfig, tracked)).text
    assert "1 run:" in text
    assert "\ncsl " in text
    assert "\naum " in text
