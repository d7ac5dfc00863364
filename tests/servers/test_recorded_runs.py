"""Recordings as runs in MLflow: beside those of `train`, in an active run, once."""

from __future__ import annotations

from pathlib import Path

import mlflow
import numpy as np
import pytest
import torch
from mlflow import MlflowClient
from mlflow.entities import RunData

from memest.analysis.queries import query_runs
from memest.errors import SettingError
from memest.recorder import Recorder
from memest.store.artifacts import ArtifactBlobs
from memest.tracking import connect, deliver

pytestmark = pytest.mark.mlflow


def recorded(seed: int = 1) -> Recorder:
    """Three epochs of forty examples."""
    generator = torch.Generator().manual_seed(seed)
    recorder = Recorder(40, about={"dataset": "mine", "model": "linear", "seed": seed, "lr": 0.1})
    for _ in range(3):
        recorder.update(torch.randn(40, 3, generator=generator), torch.arange(40) % 3, torch.arange(40))
        recorder.end_epoch()
    return recorder


def test_a_recording_is_found_beside_the_runs_of_train(store_uri: str) -> None:
    """`query_runs` gives its axes, its summary and its traces; logging it again is refused."""
    recorder = recorded()
    run_id = recorder.log("recordings", store_uri)
    (run,) = query_runs(connect(store_uri), "recordings", {"model": "linear"}, Path("cache"))
    assert run.id == run_id
    assert (run.tags["dataset"], run.tags["seed"], run.tags["epochs"]) == ("mine", "1", "3")
    np.testing.assert_allclose(run.sheet.trace("seen/loss")[1].sum(0), run.summary["seen/csl"], rtol=1e-6)
    with pytest.raises(SettingError, match="logged already"):
        recorder.log("recordings", store_uri)


def test_a_recording_joins_the_run_that_is_active(store_uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the user's own code logs and the recording are one run."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store_uri)
    mlflow.set_experiment("own")
    with mlflow.start_run() as active:
        mlflow.log_param("lr", 0.1)
        assert recorded(2).log(tracking=store_uri) == active.info.run_id
    run = MlflowClient(store_uri).get_run(active.info.run_id)
    assert run.data.params["lr"] == "0.1"
    assert run.data.tags["memest.state"] == "sealed"
    assert {"train/loss", "train/accuracy"} <= run.data.metrics.keys()


def artifacts(client: MlflowClient, run_id: str) -> dict[str, bytes]:
    """Every artifact of a run."""
    blobs = ArtifactBlobs(client, run_id)
    return {name: blobs.get(name) for folder in ("", "sheet", "tables") for name in blobs.names(folder)}


def test_a_saved_recording_is_delivered_later(store_uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that was saved without a network becomes the run that logging it at once makes.

    The same artifacts to the byte, parameters, metrics and memest's tags.
    """
    recorder = recorded(3)
    folder = recorder.save("recording")
    logged = recorder.log("logged", store_uri)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store_uri)
    deliver(folder)
    client = connect(store_uri)
    (run,) = query_runs(client, "memest", {"model": "linear", "seed": "3"}, Path("cache"))
    assert artifacts(client, run.id) == artifacts(client, logged)
    assert {"sheet/manifest.json", "sheet/seen_probabilities.npy"} <= artifacts(client, run.id).keys()
    here, there = (client.get_run(run_id).data for run_id in (logged, run.id))
    assert (here.params, here.metrics) == (there.params, there.metrics)
    assert _tags(here) == _tags(there)
    np.testing.assert_array_equal(
        run.sheet.trace("seen/loss")[1], Recorder.read(folder).trace("seen/loss")[1]
    )


def _tags(data: RunData) -> dict[str, str]:
    """Tags of memest's, but those that say where it worked."""
    own = {name: value for name, value in data.tags.items() if "memest." in name}
    return {name: value for name, value in own.items() if not name.startswith("mlflow.memest.h")}
