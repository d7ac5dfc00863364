"""Which experiment a run goes to when no flag says so."""

from __future__ import annotations

from typing import Any

import pytest

from memest.grammar.config import build
from memest.runs.config import TrainConfig
from memest.stages.config import AnalyzeConfig, RetrainConfig
from memest.tracking import connect, experiment_name


def test_a_flag_goes_before_the_environment(store_uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By default it is the environment's, else memest; a name that was given is that name."""
    assert experiment_name("auto", store_uri) == "memest"
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "by name")
    assert experiment_name("auto", store_uri) == "by name"
    assert experiment_name("by flag", store_uri) == "by flag"
    monkeypatch.delenv("MLFLOW_EXPERIMENT_NAME")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", connect(store_uri).create_experiment("by id"))
    assert experiment_name("auto", store_uri) == "by id"
    assert experiment_name("by flag", store_uri) == "by flag"


@pytest.mark.parametrize("kind", [TrainConfig, AnalyzeConfig, RetrainConfig])
def test_the_environment_counts_unless_a_flag_is_given(kind: type[Any]) -> None:
    """Every command whose runs go to an experiment asks the environment by default."""
    assert build(kind, {}).experiment == "auto"
    assert build(kind, {"experiment": "mine"}).experiment == "mine"
