"""What tests share: a real MLflow store, real servers, and a working folder of their own."""

from __future__ import annotations

import contextlib
import gc
import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest
from in_memory import work_in_memory
from links import Link
from real_servers import BUCKET, close_shared, open_shared, shared_services, with_tables

from memest import services
from memest.services import Folder

if TYPE_CHECKING:
    from mlflow import MlflowClient

hypothesis.settings.register_profile("unhurried", deadline=None)  # a busy machine makes no test fail
hypothesis.settings.load_profile("unhurried")
# One thread a process: the workers share the cores, and waiting threads of one slow the other down.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")


def pytest_configure(config: pytest.Config) -> None:
    """All workers of a session share one folder, in which its first test that needs servers starts them."""
    if not hasattr(config, "workerinput"):
        work_in_memory()
        open_shared()


def pytest_unconfigure(config: pytest.Config) -> None:
    """The process that began the session stops what its workers have started."""
    if not hasattr(config, "workerinput"):
        close_shared()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest comes first, so that no worker is left with it at the end."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def pytest_collection_finish() -> None:
    """What was imported until now stays: no collector looks through it again."""
    gc.freeze()


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every test works in a folder of its own and inherits no run from the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MEMEST_CACHE", str(tmp_path / ".cache"))
    given = ("RUN_ID", "TRACKING_URI", "EXPERIMENT_ID", "EXPERIMENT_NAME")
    for name in ("MEMEST_HOME", *(f"MLFLOW_{name}" for name in given)):
        monkeypatch.delenv(name, raising=False)
    yield


@pytest.fixture
def no_settings_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing in the environment names a server, a key or a bucket."""
    for name in os.environ:
        if name.startswith(("AWS_", "MLFLOW_", "MEMEST_BUCKET")):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def store_uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A real SQLite tracking store for all tests of a process.

    MLflow puts artifacts below the working directory that the store is made in: they lie beside the database.
    """
    from memest.tracking import connect

    folder = tmp_path_factory.mktemp("mlflow")
    uri = f"sqlite:///{with_tables(folder / 'mlflow.db')}"
    with contextlib.chdir(folder):
        connect(uri)
    return uri


@dataclass(frozen=True)
class Platform:
    """A real tracking server on a real S3 store, each behind a link of its own."""

    server: Link
    store: Link

    @property
    def client(self) -> MlflowClient:
        """A client that goes through the server's link."""
        from mlflow import MlflowClient

        return MlflowClient(self.server.url)

    def experiment(self, route: str) -> str:
        """A new experiment; `direct`: clients reach S3 themselves, `proxied`: through the server."""
        name = f"{route}-{uuid.uuid4().hex[:8]}"
        root = {"direct": f"s3://{BUCKET}/{name}", "proxied": f"mlflow-artifacts:/{name}"}[route]
        self.client.create_experiment(name, root)
        return name


@pytest.fixture(scope="session")
def shared() -> Folder:
    """The store and the MLflow server that all tests of a session share; nobody stops or changes them."""
    return shared_services()


@pytest.fixture(scope="session")
def _platform(shared: Folder) -> Platform:
    settings = shared.settings()
    assert settings
    return Platform(Link(settings.mlflow_port), Link(settings.s3_port))


@pytest.fixture
def platform(_platform: Platform, shared: Folder, monkeypatch: pytest.MonkeyPatch) -> Iterator[Platform]:
    """Server and store, both up; this process and its children reach them, and wait for little."""
    short = {
        "MLFLOW_HTTP_REQUEST_TIMEOUT": "60",
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
        "MEMEST_GATHER": "0",
        "MEMEST_LONGEST_PAUSE": "0.5",
        "MEMEST_HEARTBEAT": "1",
    }
    reach = {name: value for name, value in services.exports(shared).items() if name.startswith("AWS_")}
    reach["MLFLOW_S3_ENDPOINT_URL"] = _platform.store.url
    for name, value in (short | reach).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)  # it keeps the first credentials it finds
    yield _platform
    _platform.server.up()
    _platform.store.up()
