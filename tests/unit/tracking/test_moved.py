"""Finished runs whose artifacts are gone: what is said, and that the same command makes them anew."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from memest.analysis.queries import query_runs
from memest.errors import ArtifactsGoneError, SheetError
from memest.stages.score import ScoreConfig, score
from memest.store import Blobs, Header, SheetWriter
from memest.store.artifacts import ArtifactBlobs
from memest.tracking import About, connect, home, open_run, sealed_runs
from memest.tracking.experiments import experiment_id

pytestmark = pytest.mark.mlflow


def sheet(blobs: Blobs) -> None:
    """One epoch of the loss of two examples."""
    ids, labels = np.arange(2), np.zeros(2, np.int64)
    header = Header("a key", "a fingerprint", "own", "none", {}, 2)
    writer = SheetWriter(blobs, header, ids, 1, lambda key: {"unit": "nats", "harder": "higher"})
    writer.put(1, {"loss": np.ones(2, np.float32)}, {})
    truth = {"id": ids, "label": labels, "original_label": labels, "changed": np.zeros(2, bool)}
    writer.seal(truth | {"partner_id": ids - 9}, truth | {"csl": np.ones(2)})


@pytest.fixture
def database(store_uri: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A database with MLflow's tables and no runs, in the working directory, a project of its own."""
    project = Path("project").absolute()
    project.mkdir()
    shutil.copy(store_uri.removeprefix("sqlite:///"), project / "mlflow.db")
    monkeypatch.setenv("MEMEST_GATHER", "0")
    monkeypatch.chdir(project)
    return project / "mlflow.db"


def finished(database: Path, seed: int = 0) -> tuple[str, bool]:
    """The run of a configuration, made unless it is done: its id, and whether it was done before."""
    about = About("train", f"{seed:040x}", "a run", {"seed": seed}, {"seed": str(seed)}, "note")
    with open_run(about, f"sqlite:///{database}", "shop") as opened:
        if not opened.done:
            sheet(opened.run.blobs)
            opened.run.seal({})
    return opened.run.id, opened.done


def client_of(database: Path) -> Any:
    """A client of the database."""
    return connect(f"sqlite:///{database}")


def artifacts(database: Path, run: str) -> Path:
    """Where MLflow says that the artifacts of a run are."""
    return Path(client_of(database).get_run(run).info.artifact_uri.removeprefix("file://"))


def test_deleted_artifacts_are_named_and_made_anew(database: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Reading says what is gone and where it was; the same command makes another run, which is then found."""
    run, _ = finished(database)
    assert finished(database) == (run, True)
    expected = artifacts(database, run)
    shutil.rmtree("mlruns")
    client, cache = client_of(database), home() / "cache"
    with pytest.raises(ArtifactsGoneError, match=str(expected)):
        query_runs(client, "shop", {}, cache)
    with pytest.raises(ArtifactsGoneError, match=run):
        score(ScoreConfig(run=run, tracking=f"sqlite:///{database}"))
    assert sealed_runs(client, "shop", "train") == {}
    with caplog.at_level(logging.WARNING):
        anew, done = finished(database)
    assert not done
    assert anew != run
    assert str(expected) in caplog.text
    assert finished(database) == (anew, True)
    assert list(sealed_runs(client, "shop", "train").values()) == [anew]
    assert [found.id for found in query_runs(client, "shop", {}, cache)] == [anew]


def test_one_of_several_runs_without_artifacts_is_noticed(database: Path) -> None:
    """The others are still done, and do not stand in for it."""
    runs = [finished(database, seed)[0] for seed in range(3)]
    shutil.rmtree(artifacts(database, runs[1]).parent)
    assert set(sealed_runs(client_of(database), "shop", "train").values()) == {runs[0], runs[2]}
    with pytest.raises(ArtifactsGoneError, match=runs[1]):
        query_runs(client_of(database), "shop", {}, home() / "cache")
    assert [finished(database, seed)[1] for seed in range(3)] == [True, False, True]


def test_a_project_that_moved_writes_nothing_where_it_was(
    database: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Old run and new seed are made in the new place; the old experiment keeps its runs, renamed."""
    old, _ = finished(database)
    before = database.parent
    moved = before.with_name("elsewhere") / "mlflow.db"
    monkeypatch.chdir("..")
    before.rename(moved.parent)
    monkeypatch.chdir(moved.parent)
    monkeypatch.setattr("memest.tracking.experiments._warn_apart", _never)
    anew, done = finished(moved)
    other, _ = finished(moved, seed=1)
    assert not done
    assert not before.exists()
    for run in (anew, other):
        assert artifacts(moved, run).is_relative_to(moved.parent)
    assert str(before) in caplog.text
    assert {run.id for run in query_runs(client_of(moved), "shop", {}, home() / "cache")} == {anew, other}
    left = client_of(moved).get_run(old).info.experiment_id
    assert client_of(moved).get_experiment(left).name.startswith("shop (artifacts gone")


def _never(*arguments: Any) -> None:
    raise AssertionError(arguments)


def test_a_copied_database_warns_of_the_artifacts_it_shares(
    database: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Its runs are done; what is added goes to the original's folder, which is said once."""
    run, _ = finished(database)
    copied = database.parent.with_name("copy") / "mlflow.db"
    copied.parent.mkdir()
    shutil.copy(database, copied)
    monkeypatch.chdir(copied.parent)
    assert finished(copied) == (run, True)
    finished(copied, seed=1)
    said = [record.getMessage() for record in caplog.records if "do not move with it" in record.getMessage()]
    assert len(said) == 1
    assert str(database.parent / "mlruns") in said[0]
    assert str(copied) in said[0]


def test_artifacts_go_beside_their_database(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the working directory: MLflow itself would put them there."""
    monkeypatch.chdir("/")
    monkeypatch.setenv("MEMEST_HOME", str(database.parent / "home"))
    run, _ = finished(database)
    assert artifacts(database, run).is_relative_to(database.parent / "mlruns")


def test_an_experiment_without_runs_was_not_left_behind(database: Path) -> None:
    """An artifact location of one's own, where nothing was written yet, is no loss."""
    client = client_of(database)
    made = client.create_experiment("apart", str(database.parent.parent / "artifacts"))
    assert experiment_id(client, "apart") == made
    assert client.get_experiment(made).tags["mlflow.experimentKind"] == "custom_model_development"


@pytest.mark.parametrize(
    ("uri", "cause"),
    [
        ("s3://bucket/there", "Invalid endpoint"),
        ("gs://bucket/there", "google"),
        ("wasbs://container@account.blob.core.windows.net/there", "azure"),
        ("nonsense://there", "nonsense"),
    ],
)
def test_what_a_stores_client_raises_is_one_line(
    uri: str, cause: str, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An endpoint without http://, or a package that is not there: the run and the cause are named."""
    monkeypatch.setenv("MLFLOW_S3_ENDPOINT_URL", "127.0.0.1:9000")
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)
    client = client_of(database)
    run = client.create_run(client.create_experiment("apart", uri)).info.run_id
    blobs = ArtifactBlobs(client, run)
    for call in (lambda: blobs.get("a"), lambda: blobs.names(""), lambda: blobs.put("a", b"a")):
        with pytest.raises(SheetError) as caught:
            call()
        said = str(caught.value)
        assert run in said
        assert cause in said
        assert "\n" not in said
