"""A network that a run kept stands in MLflow's Models column, once, and nothing of it is stored again."""

from __future__ import annotations

from typing import Any

import pytest

from memest.grammar.config import build
from memest.runs.config import TrainConfig
from memest.stages.train import train
from memest.tracking import connect
from memest.tracking.kept_model import show_model

pytestmark = pytest.mark.mlflow


def trained(store_uri: str, checkpoints: str) -> tuple[Any, Any]:
    """A client, and a finished run that kept what `checkpoints` says."""
    settings = {"limit": 60, "epochs": 2, "scores": "loss", "checkpoints": checkpoints}
    where = {"tracking": store_uri, "experiment": f"kept {checkpoints}"}
    run = train(build(TrainConfig, settings | where | {"model": "resnet18(width=2)"})).run.id
    client = connect(store_uri)
    return client, client.get_run(run)


def test_a_kept_network_is_a_model_of_its_run(store_uri: str) -> None:
    """Its name, its checkpoint and its epoch; saying it again changes nothing."""
    client, run = trained(store_uri, "last")
    (output,) = run.outputs.model_outputs
    model = client.get_logged_model(output.model_id)
    assert (model.name, model.source_run_id, output.step) == ("resnet18(width=2)", run.info.run_id, 2)
    assert model.tags["memest.checkpoint"] == "checkpoint/epoch-000002.pt"
    assert model.tags["memest.checkpoint"] in [
        one.path for one in client.list_artifacts(run.info.run_id, "checkpoint")
    ]
    show_model(client, run.info.run_id, "another", "checkpoint/epoch-000001.pt", 1)
    assert client.get_run(run.info.run_id).outputs.model_outputs == [output]
    assert len(client.search_logged_models([run.info.experiment_id])) == 1


def test_a_run_that_keeps_nothing_has_no_model(store_uri: str) -> None:
    """Without a checkpoint there is nothing to show."""
    _, run = trained(store_uri, "none")
    assert not (run.outputs and run.outputs.model_outputs)
