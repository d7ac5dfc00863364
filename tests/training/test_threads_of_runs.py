"""The number of threads is in the run, and decides its bytes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from mlflow import MlflowClient

WORDS = ["--data=digits", "--limit=100", "--epochs=1", "--scores=loss", "--device=cpu"]


@pytest.mark.mlflow
def test_the_threads_of_a_run_are_its_tag(store_uri: str) -> None:
    """One for a small network however many cores there are; another number where it is asked for."""
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    environment["MLFLOW_TRACKING_URI"] = store_uri
    client, name = MlflowClient(store_uri), f"threads-{Path.cwd().name}"
    for number, more in enumerate(({}, {"OMP_NUM_THREADS": "2"})):
        words = ["train", *WORDS, f"--experiment={name}", f"--seed={number}"]
        subprocess.run([sys.executable, "-m", "memest", *words], env=environment | more, check=True)
    runs = client.search_runs([client.get_experiment_by_name(name).experiment_id])
    assert {run.data.tags["memest.seed"]: run.data.tags["memest.threads"] for run in runs} == {
        "0": "1",
        "1": "2",
    }
