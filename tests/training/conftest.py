"""What tests that train share."""

from __future__ import annotations

import contextlib
import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from painting import _pictures_where_they_are_looked_at  # noqa: F401

if TYPE_CHECKING:
    from mlflow import MlflowClient

_names = itertools.count()


@pytest.fixture
def client(store_uri: str, monkeypatch: pytest.MonkeyPatch) -> MlflowClient:
    """A client of the shared store, which this process and its children use."""
    from mlflow import MlflowClient

    monkeypatch.setenv("MLFLOW_TRACKING_URI", store_uri)
    monkeypatch.setenv("MEMEST_GATHER", "0")
    return MlflowClient(store_uri)


@pytest.fixture
def tracked(store_uri: str) -> dict[str, Any]:
    """Settings that put runs into a fresh experiment of the shared store."""
    return {"tracking": store_uri, "experiment": f"test-{next(_names)}-{Path.cwd().name}"}


@pytest.fixture(scope="session")
def sealed(store_uri: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Settings of an experiment with one sealed run of `short_runs`, which no test changes."""
    from short_runs import training

    from memest.stages.train import train

    found = {"tracking": store_uri, "experiment": "sealed"}
    with contextlib.chdir(tmp_path_factory.mktemp("sealed")):
        train(training(**found))
    return found


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What a run of `resumed` leaves that nothing disturbed, pictures too."""
    from resumed import everything, run

    with contextlib.chdir(tmp_path_factory.mktemp("whole")):
        return everything(run().run.blobs)
