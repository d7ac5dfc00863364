"""What MLflow's list of runs shows of a run: user, program and git's commit."""

from __future__ import annotations

import getpass
import subprocess
from pathlib import Path
from typing import Any

import pytest

from memest import cli
from memest.tracking import About, connect, open_run

pytestmark = pytest.mark.mlflow
ABOUT = About("train", "c0ffee" * 8, "a run", {"a": 1}, {}, "note")


@pytest.fixture
def client(store_uri: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A client of a real store, which the environment names."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store_uri)
    monkeypatch.setenv("MEMEST_GATHER", "0")
    return connect(store_uri)


def test_the_columns_of_the_ui_are_filled(client: Any) -> None:
    """User, source and commit of a run; its experiment opens on training runs."""
    with open_run(ABOUT, "auto", "columns") as opened:
        opened.run.seal({})
    run = client.get_run(opened.run.id)
    tags = run.data.tags
    assert tags["mlflow.user"] == getpass.getuser() == run.info.user_id
    assert (tags["mlflow.source.name"], tags["mlflow.source.type"]) == ("memest train", "LOCAL")
    here = Path(cli.__file__).parents[1]
    head = subprocess.run(
        ["git", "-C", here, "rev-parse", "HEAD"], capture_output=True, text=True, check=False
    )
    assert tags.get("mlflow.source.git.commit", "") == head.stdout.strip()
    experiment = client.get_experiment(run.info.experiment_id)
    assert experiment.tags["mlflow.experimentKind"] == "custom_model_development"
