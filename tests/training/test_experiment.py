"""Experiments: one command trains, measures again and analyses."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from mlflow import MlflowClient
from sweeping import SHORT, runs_of

from memest.errors import UnknownNameError
from memest.grammar.config import build
from memest.stages import experiment
from memest.sweep import training

pytestmark = pytest.mark.mlflow


@pytest.mark.slow
def test_an_experiment_goes_from_nothing_to_its_report(
    client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One command trains and analyses; again, it finds everything there."""
    name = "study"
    scale = {"base": SHORT | {"corruption": "symmetric_noise(rate=0.05)"}, "axes": {"seed": [1, 2, 3]}}
    study = {"about": "a test", "analyses": ["detection"], "scales": {"smoke": scale}}
    Path(f"{name}.yaml").write_text(yaml.safe_dump(study))
    config = build(
        experiment.ExperimentConfig, {"name": f"{name}.yaml", "set": "epochs=1, seed=4", "jobs": 2}
    )
    said = experiment.experiment(config)
    assert said.good
    (run,) = runs_of(client, f"{name}-smoke")
    (analysis,) = runs_of(client, f"{name}-smoke", "analyze")
    assert (run.data.tags["memest.epochs"], run.data.tags["memest.seed"]) == ("1", "4")
    assert f"report, tables and figures are in run {analysis.info.run_id}" in said.text
    assert "csl" in said.text

    monkeypatch.setattr(training, "train_all", lambda *_: pytest.fail("something was trained"))
    assert "all 1 runs are done" in experiment.experiment(config).text
    assert len(runs_of(client, f"{name}-smoke", "analyze")) == 1


@pytest.mark.slow
def test_an_experiment_measures_finished_runs_again(client: MlflowClient) -> None:
    """Theory sets CSL of the training beside the adversarial distance of its last network, once."""
    config = build(experiment.ExperimentConfig, {"name": "theory", "set": "limit=120, epochs=2, seed=1"})
    for _ in range(2):
        said = experiment.experiment(config)
        assert said.good, said.text
        assert "final_adversarial_distance" in said.text
    (run,) = runs_of(client, "theory-smoke")
    (again,) = runs_of(client, "theory-smoke", "score")
    assert again.data.tags["memest.source_run"] == run.info.run_id
    with pytest.raises(UnknownNameError, match="distance"):
        study = {
            "analyses": ["theory"],
            "scales": {"smoke": {"axes": {"seed": [1]}, "score": {"scores": "distance"}}},
        }
        Path("odd.yaml").write_text(yaml.safe_dump(study))
        experiment.experiment(build(experiment.ExperimentConfig, {"name": "odd.yaml"}))
    assert client.get_experiment_by_name("odd-smoke") is None


@pytest.mark.slow
def test_what_cannot_be_measured_again_keeps_no_report_back(
    client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run and the reason are named, the analyses are made, the verdict is not good."""
    monkeypatch.setattr(experiment, "score", lambda config: 1 / 0)
    config = build(experiment.ExperimentConfig, {"name": "theory", "set": "limit=120, epochs=2, seed=1"})
    said = experiment.experiment(config)
    (run,) = runs_of(client, "theory-smoke")
    assert not said.good
    assert f"run {run.info.run_id}" in said.text
    assert "was not measured again: division by zero" in said.text
    assert "report, tables and figures are in run" in said.text
