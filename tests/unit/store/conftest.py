"""Every place where the bytes of a run may live."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sheets import Opener

from memest.store import LocalBlobs
from memest.store.artifacts import ArtifactBlobs, run_blobs
from memest.tracking import connect
from memest.tracking.journal import Head, Journal
from memest.tracking.journaled_run import JournaledBlobs
from memest.tracking.limits import Limits

if TYPE_CHECKING:
    from mlflow import MlflowClient


@pytest.fixture(scope="session")
def client(store_uri: str) -> MlflowClient:
    """A client of a real MLflow store."""
    return connect(store_uri)


@pytest.fixture(
    params=[
        "local",
        "journal",
        pytest.param("artifacts", marks=pytest.mark.mlflow),
        pytest.param("cached artifacts", marks=pytest.mark.mlflow),
    ]
)
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Opener:
    """Opens the same empty backend as often as it is called."""
    if request.param == "local":
        return lambda: LocalBlobs(tmp_path / "blobs")
    if request.param == "journal":
        head = Head("run", "http://127.0.0.1", "here")
        return lambda: JournaledBlobs(Journal(tmp_path / "journal", head, Limits()))
    client: MlflowClient = request.getfixturevalue("client")
    location = (tmp_path / "artifacts").as_uri()
    run = client.create_run(client.create_experiment(tmp_path.name, artifact_location=location))
    if request.param == "artifacts":
        return lambda: ArtifactBlobs(client, run.info.run_id)
    return lambda: run_blobs(client, run.info.run_id, tmp_path / "cache")
