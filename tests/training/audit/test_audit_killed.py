"""An audit that is killed from outside, and one that `mlflow run` starts."""

from __future__ import annotations

import shlex
import signal
import time
from pathlib import Path

import pytest
from forked import Forked
from mlflow.tracking import MlflowClient

from memest.cli import main

AUDIT = shlex.split("audit digits --limit 100 --model tiny(width=4) --epochs 3 --folds 2 --device cpu")
FILES = ("issues.csv", "issues.parquet", "ranking.parquet", "summary.json", "report.html")


def test_killed_while_it_trains_it_ends_with_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """kill -9 while the first network trains: the next go ends with equal files."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MEMEST_RESUME_EVERY_EPOCH", "1")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("MEMEST_HOME", "undisturbed")
    words = [*AUDIT, "--tracking", "offline", "--into"]
    assert main([*words, "whole"]) == 0
    monkeypatch.setenv("MEMEST_HOME", "killed")
    process = Forked(["memest", *words, "again"])
    deadline = time.monotonic() + 120
    while not list(Path("killed").rglob("resume.pt")):
        assert process.poll() is None, f"ended before it could be killed: {process.said}"
        assert time.monotonic() < deadline
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not Path("again").exists()
    assert main([*words, "again"]) == 0
    for name in FILES:
        assert Path("whole", name).read_bytes() == Path("again", name).read_bytes(), name


def test_the_run_of_mlflow_run_becomes_the_audit(
    store_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its folds lie below it in its experiment, and its files can be opened there."""
    monkeypatch.chdir(tmp_path)
    client = MlflowClient(store_uri)
    experiment = client.create_experiment(f"given-{tmp_path.name}")
    given = client.create_run(experiment).info.run_id
    monkeypatch.setenv("MLFLOW_RUN_ID", given)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store_uri)
    assert main([*AUDIT, "--into", "out"]) == 0
    runs = client.search_runs([experiment])
    below = [run.info.run_id for run in runs if run.data.tags.get("mlflow.parentRunId") == given]
    assert len(runs) == 3 and len(below) == 2
    assert client.get_run(given).data.tags["memest.stage"] == "audit"
    assert {*FILES} <= {file.path for file in client.list_artifacts(given)}
