"""Runs of several protocols on the same labels, trained and judged together."""

from __future__ import annotations

from pathlib import Path

import pytest

from memest.analysis.matched_runs import matched_runs
from memest.analysis.queries import query_runs
from memest.grammar.config import build
from memest.paper.mislabeled import mislabeled
from memest.tracking import connect, home


@pytest.mark.mlflow
def test_real_protocols_meet_in_one_table(store_uri: str) -> None:
    """Digits trained by all three protocols on the same labels: one trial, every method judged and priced."""
    from memest.runs.config import TrainConfig
    from memest.stages.train import train

    settings = {"tracking": store_uri, "experiment": f"tables-{Path.cwd().name}", "epochs": 2, "limit": 200}
    settings |= {"corruption": "symmetric_noise(rate=0.1)"}
    made = {
        protocol: train(build(TrainConfig, settings | {"protocol": protocol})).run.id
        for protocol in ("standard", "k_fold(folds=2)", "second_split")
    }
    runs = query_runs(connect(store_uri), settings["experiment"], {}, home() / "cache")
    (trial,) = matched_runs(runs).of
    assert {run.id for run in trial.runs} == set(made.values())
    rows = mislabeled(runs).tables["mislabeled_per_seed"].set_index("method")
    assert rows.run["csl"] == made["standard"]
    assert rows.run["confident_learning"] == made["k_fold(folds=2)"]
    assert rows.run["second_split_forgetting"] == made["second_split"]
    assert (rows.seconds > 0).all()
    assert rows.labels.nunique() == 1
