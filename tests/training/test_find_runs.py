"""What people query from Python: rows of runs, rows of examples, and the same through MLflow itself."""

from __future__ import annotations

import mlflow
import numpy as np
import pytest
from scipy.stats import rankdata

import memest
from memest.errors import NoRunsError, SheetError, UnknownNameError
from memest.grammar.config import build
from memest.runs.config import TrainConfig
from memest.stages.train import train

pytestmark = pytest.mark.mlflow


@pytest.fixture(scope="module")
def experiment(store_uri: str) -> dict[str, str]:
    """Two seeds of one run, as `find_runs` takes it."""
    where = {"experiment": "queried", "tracking": store_uri}
    settings = {"limit": 100, "epochs": 1, "corruption": "symmetric_noise(rate=0.1)", "scores": "loss"}
    for seed in (1, 2):
        train(build(TrainConfig, settings | where | {"seed": seed}))
    return where


def test_a_run_is_a_row(experiment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Axes, metrics and the evaluation stand in its columns; what MLflow says of it agrees."""
    table = memest.find_runs(**experiment).to_pandas()
    assert table.seed.tolist() == [1, 2]
    assert set(table.dataset) == {"digits"}
    monkeypatch.setenv("MLFLOW_TRACKING_URI", experiment["tracking"])
    theirs = mlflow.search_runs(experiment_names=["queried"]).set_index("run_id")
    for column in ("train/loss", "auroc/csl"):
        np.testing.assert_allclose(table[column], theirs.loc[table.index, f"metrics.{column}"])
    assert "fpr95/csl" in table


def test_an_example_of_a_run_is_a_row(experiment: dict[str, str]) -> None:
    """The AUROC that a run has is recomputed from its rows, by ranks; long tables hold the same values."""
    runs = memest.find_runs(**experiment)
    table = runs.summary(["changed", "csl"])
    assert len(table) == 200
    for run, rows in table.groupby("run"):
        ranks, changed = rankdata(rows.csl), rows.changed.to_numpy()
        above = ranks[changed].sum() - changed.sum() * (changed.sum() + 1) / 2
        np.testing.assert_allclose(
            above / (changed.sum() * (~changed).sum()), runs.to_pandas()["auroc/csl"][run]
        )
    long = runs.summary(["csl", "seen/csl"], long=True)
    assert set(long.summary) == {"csl", "seen/csl"}
    np.testing.assert_array_equal(long[long.summary == "csl"].value, table.csl)


def test_what_is_not_there_is_named(experiment: dict[str, str]) -> None:
    """An axis, a value and a column that no run has."""
    with pytest.raises(UnknownNameError, match="did you mean 'seed'"):
        memest.find_runs(**experiment, seeds=1)
    with pytest.raises(NoRunsError, match="seed is 1, 2"):
        memest.find_runs(**experiment, seed=3)
    assert [run.tags["seed"] for run in memest.find_runs(**experiment, seed=2)] == ["2"]
    with pytest.raises(SheetError, match="none of 2 runs has a column 'aum'"):
        memest.find_runs(**experiment).summary(["aum"])
