"""Runs of a server whose artifacts lie in a real S3 store, read back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from memest.analysis.queries import query_runs
from memest.analysis.record import RunRecord
from memest.analysis.runset import RunSet
from memest.grammar.config import build
from memest.runs.config import TrainConfig
from memest.tracking import connect, home

if TYPE_CHECKING:
    from conftest import Platform


@pytest.mark.mlflow
@pytest.mark.parametrize("route", ["direct", "proxied"])
def test_listed_runs_are_read_over_s3(platform: Platform, route: str) -> None:
    """What is read of a listed run is what it sealed, whichever way its artifacts are reached."""
    from memest.stages import train

    settings = {"tracking": platform.server.url, "experiment": platform.experiment(route), "limit": 100}
    settings |= {"epochs": 1, "corruption": "symmetric_noise(rate=0.1)"}
    trained = train.train(build(TrainConfig, settings))
    (run,) = query_runs(connect(platform.server.url), settings["experiment"], {}, home() / "another-cache")
    (names,) = RunSet([run]).map(lambda run: run.names)
    assert {"csl", "changed"} <= set(names)
    fresh = RunRecord(run.id, run.name, run.tags, {}, trained.run.blobs)
    for name, values in fresh.summary.items():
        np.testing.assert_array_equal(run.read([name])[name], values)
