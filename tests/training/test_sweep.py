"""Sweeps: real processes, real runs, a real MLflow store; killed in the middle and started again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock
from forked import Forked
from mlflow import MlflowClient
from sweeping import SHORT, grid_file, runs_of, states, swept, wait_for

from memest.cli import main
from memest.errors import BusyError
from memest.grammar.config import build
from memest.runs.config import TrainConfig
from memest.stages import sweep, train
from memest.store.artifacts import ArtifactBlobs
from memest.store.blobs import LocalBlobs
from memest.sweep import planning, run_tasks, training
from memest.tracking import find, sealed_runs

pytestmark = pytest.mark.mlflow
PROJECT = Path(__file__).parents[2]


@pytest.mark.slow
def test_a_sweep_trains_each_configuration_under_one_run(
    client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Children of one parent with a table of them; the same command again trains nothing."""
    name = grid_file(axes={"seed": [1, 2, 2]})
    assert "2 done" in swept()
    (parent,) = runs_of(client, name, "sweep")
    children = runs_of(client, name)
    assert states([parent, *children]) == {"sealed": 3}
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parent.info.run_id}
    table = json.loads(ArtifactBlobs(client, parent.info.run_id).get("tables/runs-1.json"))
    column = table["columns"].index("run")
    assert sorted(row[column] for row in table["data"]) == sorted(run.info.run_id for run in children)

    given = client.create_run("0").info.run_id
    monkeypatch.setenv("MLFLOW_RUN_ID", given)
    monkeypatch.setattr(training, "train_all", lambda *_: pytest.fail("something was trained"))
    assert "all 2 runs are done" in swept()
    assert client.get_run(given).data.tags["memest.ticket_of"] == parent.info.run_id
    assert len(runs_of(client, name)) == 2

    client.delete_run(children[0].info.run_id)
    found = planning.plan_sweep(
        sweep.read_sweep(Path("grid.yaml"), TrainConfig), os.environ["MLFLOW_TRACKING_URI"]
    )
    assert (len(found.todo), len(found.done)) == (1, 1)


@pytest.mark.slow
def test_a_failed_run_has_its_reason_and_the_others_are_done(
    client: MlflowClient, capfd: pytest.CaptureFixture[str]
) -> None:
    """Exit code 1; the sweep's run is FAILED with the reason; mended, the same file does the rest."""
    name = grid_file(axes={"lr": [1e30, 0.1]})
    assert main(["sweep", "grid.yaml", "--jobs", "2"]) == 1
    error = capfd.readouterr().err
    assert "1 of 2 runs failed, each tried 3 times (lr=1e+30: " in error
    assert "not finite at epoch 1" in error
    assert states(runs_of(client, name)) == {"sealed": 1, "failed": 1}
    (parent,) = runs_of(client, name, "sweep")
    assert parent.info.status == "FAILED"
    assert "not finite" in parent.data.tags["memest.error"]


@pytest.mark.slow
def test_a_sweep_in_a_new_interpreter_leaves_no_process(client: MlflowClient) -> None:
    """`python -m memest sweep` starts the process that its runs are forked from, and ends it with them."""
    name = grid_file(axes={"seed": [1, 2]})
    words = [sys.executable, "-m", "memest", "sweep", "grid.yaml", "--jobs", "2"]
    here = os.environ | {"PYTHONPATH": str(PROJECT)}
    process = subprocess.Popen(words, env=here, stderr=subprocess.PIPE, text=True, start_new_session=True)
    try:
        error = process.communicate(timeout=240)[1]
    finally:
        process.kill()
    assert process.returncode == 0, error
    assert states(runs_of(client, name)) == {"sealed": 2}
    wait_for(lambda: not group_is_there(process.pid), 20)


def group_is_there(number: int) -> bool:
    """Whether any process of a group is left."""
    try:
        os.killpg(number, 0)
    except ProcessLookupError:
        return False
    return True


def sweeping(name: str) -> Forked:
    """`memest sweep` in a process of its own."""
    return Forked(["memest", "sweep", "grid.yaml", "--jobs", "2"])


@pytest.mark.slow
def test_a_sweep_that_was_killed_goes_on(client: MlflowClient) -> None:
    """kill -9 in the middle, then the same command: one sealed run each, the bytes of undisturbed runs."""
    settings = {"seed": [1, 2, 3], "epochs": [20]}
    name = grid_file(axes=settings)
    process = sweeping(name)
    wait_for(lambda: any("train/loss" in run.data.metrics for run in runs_of(client, name)))
    process.kill()
    assert process.wait() == -signal.SIGKILL, process.said
    assert states(runs_of(client, name))["sealed"] < 3
    swept()
    runs = runs_of(client, name)
    assert states(runs) == {"sealed": 3}
    for run in runs:
        alone = {"seed": int(run.data.tags["memest.seed"]), "epochs": 20, "tracking": "off"}
        undisturbed = train.train(build(TrainConfig, SHORT | alone)).run.blobs
        assert isinstance(undisturbed, LocalBlobs)
        blobs = ArtifactBlobs(client, run.info.run_id)
        for file in undisturbed.names("sheet"):
            assert blobs.get(file) == undisturbed.get(file), file


@pytest.mark.slow
def test_a_sweep_that_is_stopped_ends_its_runs(client: MlflowClient) -> None:
    """SIGTERM: every run says that it was stopped, nothing is left RUNNING, and the exit code is 130."""
    name = grid_file(axes={"seed": [1, 2], "epochs": [100_000]})
    process = sweeping(name)
    wait_for(lambda: sum("train/loss" in run.data.metrics for run in runs_of(client, name)) == 2)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 130
    assert states([*runs_of(client, name), *runs_of(client, name, "sweep")]) == {"killed": 3}


def test_what_others_are_at_work_on_is_theirs(client: MlflowClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sweep ends without them, and says so; it is no failure."""
    name = grid_file(runs=[{"seed": 1}])
    monkeypatch.setattr(training, "run_tasks", lambda *a: run_tasks(*a, pauses=()))
    config = build(TrainConfig, SHORT | {"seed": 1, "experiment": name, "tracking": "auto"})
    (key,) = planning.run_keys([config]).values()
    with monkeypatch.context() as early:
        early.setattr(train, "measured_epochs", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            train.train(config)
    (folder,) = Path(".memest/runs").glob(f"{key[:20]}-*")
    with FileLock(folder / "lock"), pytest.raises(BusyError, match="1 of 1 runs are at work in other"):
        swept()


def test_sealed_runs_are_read_page_by_page(client: MlflowClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them, however many a page holds; runs that are not sealed, or of another stage, are not."""
    name = grid_file()
    place = client.create_experiment(name)
    expected = {}
    for key in ("a0", "a1", "a2", "b0", "00"):
        tags = {"memest.stage": "train", "memest.state": "sealed", "memest.key": key}
        expected[key] = client.create_run(place, tags=tags).info.run_id
        client.log_text(expected[key], "{}", "config.json")
    for other in ({"memest.stage": "score"}, {"memest.state": "failed"}):
        client.create_run(place, tags=tags | {"memest.key": "a3"} | other)
    monkeypatch.setattr(find, "_PAGE", 2)
    assert sealed_runs(client, name, "train") == expected
    assert sealed_runs(client, "no such experiment", "train") == {}
