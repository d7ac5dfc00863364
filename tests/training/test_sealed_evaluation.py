"""A run stores how well it finds its own changed labels, whichever stage seals it."""

from __future__ import annotations

import uuid
from typing import Any

import numpy as np
import pytest

from memest.detect import DETECTORS, evaluate_table, evaluation_of
from memest.grammar.config import build
from memest.runs.config import TrainConfig
from memest.stages import score, train
from memest.store import Blobs, SheetReader


def trained(**more: Any) -> Any:
    """An epoch of the smallest network on a few digits, a tenth of them with wrong labels."""
    settings = {"corruption": "symmetric_noise(rate=0.1)", "epochs": 1, "limit": 120, "tracking": "off"}
    return train.train(build(TrainConfig, settings | more)).run


def assert_evaluated(blobs: Blobs) -> SheetReader:
    """The file is there, listed in the manifest, and says what the columns say."""
    sheet = SheetReader.open(blobs)
    assert "sheet/evaluation.json" in blobs.names("sheet")
    assert sheet.evaluation() is not None
    stored, again = evaluation_of(sheet), evaluate_table(sheet.summary())
    assert stored is not None
    assert again is not None
    assert dict(stored.found) == dict(again.found)
    np.testing.assert_array_equal(stored.covariance, again.covariance)
    return sheet


@pytest.mark.parametrize("name", ["standard", "k_fold(folds=2)", "second_split"])
def test_a_training_run_evaluates_itself(name: str) -> None:
    """Every summary and, where a protocol joins its parts, every detector of it."""
    sheet = assert_evaluated(trained(protocol=name).blobs)
    found = evaluation_of(sheet)
    assert found is not None
    assert {"csl", "seen/csl" if name == "standard" else "csl"} <= set(found.found)
    assert bool(set(found.found) & set(DETECTORS)) == (name != "standard")


@pytest.mark.mlflow
def test_a_scoring_run_evaluates_itself(store_uri: str) -> None:
    """What was measured later is judged in the sheet that holds it."""
    tracked = {"tracking": store_uri, "experiment": uuid.uuid4().hex}
    run = trained(checkpoints="all", **tracked)
    config = build(score.ScoreConfig, {"run": run.id, "scores": "loss", "tracking": store_uri})
    assert_evaluated(score.score(config).run.blobs)


def test_a_run_without_changed_labels_stores_none() -> None:
    """There is nothing to find, and nothing is said."""
    blobs = trained(corruption="none").blobs
    assert "sheet/evaluation.json" not in blobs.names("sheet")
    assert evaluation_of(SheetReader.open(blobs)) is None
