"""Runs and experiments that the environment names, and what MLflow's UI shows of a run."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from memest import cli
from memest.errors import InputError
from memest.tracking import About, connect, experiment_named, mark_refused, open_run, several_runs

pytestmark = pytest.mark.mlflow
ABOUT = About("train", "c0ffee" * 8, "a run", {"a": 1}, {}, "note")
_numbers = itertools.count()


@pytest.fixture
def client(store_uri: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A client of a real store, which the environment names."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store_uri)
    monkeypatch.setenv("MEMEST_GATHER", "0")
    return connect(store_uri)


def new_run(client: Any) -> Any:
    """A run in an experiment of its own."""
    return client.create_run(client.create_experiment(f"given-{next(_numbers)}"), run_name="theirs")


def refused() -> str:
    """Why no run is opened, whatever opens it."""
    with pytest.raises(InputError) as one, open_run(ABOUT, "auto", "elsewhere"):
        pass
    with pytest.raises(InputError) as several, several_runs():
        pass
    assert str(one.value) == str(several.value)
    return str(one.value)


def test_no_such_run_is_the_variables_fault(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable is named, and the server that does not have the run."""
    monkeypatch.setenv("MLFLOW_RUN_ID", "f" * 32)
    said = refused()
    assert "MLFLOW_RUN_ID names run 'ffff" in said
    assert "unset MLFLOW_RUN_ID" in said


def test_a_deleted_run_is_the_variables_fault(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not written to."""
    run = new_run(client)
    client.delete_run(run.info.run_id)
    monkeypatch.setenv("MLFLOW_RUN_ID", run.info.run_id)
    assert "was deleted" in refused()


@pytest.mark.parametrize("status", ["FINISHED", "FAILED", "KILLED"])
def test_a_run_of_something_else_that_has_ended_stays_as_it_is(
    status: str, client: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither adopted nor renamed, nor called failed because our command was refused."""
    run = new_run(client)
    client.log_metric(run.info.run_id, "theirs", 1.0)
    client.set_terminated(run.info.run_id, status)
    before = client.get_run(run.info.run_id)
    monkeypatch.setenv("MLFLOW_RUN_ID", run.info.run_id)
    assert "is not memest's" in refused()
    mark_refused("no such thing")
    assert cli.main(["train", "--limit", "100", "--epochs", "1"]) == 2
    assert "unset MLFLOW_RUN_ID" in capsys.readouterr().err
    after = client.get_run(run.info.run_id)
    assert after.to_dictionary() == before.to_dictionary()


def test_an_open_run_is_adopted_and_keeps_its_source(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `mlflow run` said of it stays; the same command again finds it done, also as a finished run."""
    run_id = new_run(client).info.run_id
    client.set_tag(run_id, "mlflow.source.name", "a project")
    monkeypatch.setenv("MLFLOW_RUN_ID", run_id)
    for done in (False, True):
        with open_run(ABOUT, "auto", "elsewhere") as opened:
            assert opened.done is done
            if not done:
                opened.run.seal({})
    assert opened.run.id == run_id
    assert client.get_run(run_id).data.tags["mlflow.source.name"] == "a project"


def test_experiments_that_the_environment_names(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """By name, by id, or both where they agree; an id that is not there is refused."""
    uri = str(client.tracking_uri)
    made = client.create_experiment("by-id")
    assert experiment_named(uri) is None
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "by-id")
    assert experiment_named(uri) == "by-id"
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", made)
    assert experiment_named(uri) == "by-id"
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "another")
    with pytest.raises(InputError, match="unset one"):
        experiment_named(uri)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", "123456")
    with pytest.raises(InputError, match="MLFLOW_EXPERIMENT_ID names experiment '123456'"):
        experiment_named(uri)
