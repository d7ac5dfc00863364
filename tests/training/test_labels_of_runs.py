"""Labels by name in runs: what is measured against other labels, kept, and read back."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from memest.data import load_images
from memest.errors import DataError
from memest.grammar.config import build
from memest.runs.config import TrainConfig
from memest.scores import ScoreSet
from memest.stages import analyze, score, train
from memest.store import SheetReader

_names = itertools.count()


# ---------------------------------------------------------------- stages


def training(**settings: Any) -> TrainConfig:
    """A short run on part of the digits."""
    short = {"corruption": "symmetric_noise(rate=0.05)", "epochs": 2, "limit": 300, "checkpoints": "all"}
    return build(TrainConfig, short | settings)


@pytest.fixture
def tracked(store_uri: str) -> dict[str, str]:
    """Settings that put runs into a fresh experiment of the shared store."""
    return {"tracking": store_uri, "experiment": f"labels-{next(_names)}-{Path.cwd().name}"}


@pytest.mark.mlflow
def test_training_and_scoring_measure_the_same(tracked: dict[str, str]) -> None:
    """Epoch by epoch `train` measures against other labels what `score` does, and both keep the labels."""
    scores = "loss, loss(labels=true), loss(labels=released), correct(labels=released)"
    trained = train.train(training(scores=scores, **tracked))
    plain = train.train(training(scores="loss", **tracked))
    settings = {"run": plain.run.id, "scores": scores, "tracking": tracked["tracking"]}
    scored = score.score(build(score.ScoreConfig, settings))
    one, other = SheetReader.open(trained.run.blobs), SheetReader.open(scored.run.blobs)
    for key in ScoreSet(scores).keys:
        np.testing.assert_allclose(one.trace(key)[1], other.trace(key)[1], rtol=1e-5, atol=1e-6)
    for sheet in (one, other):
        truth = sheet.truth()
        np.testing.assert_array_equal(truth["true"], truth["original_label"])
        assert (truth["released"] != truth["original_label"]).sum() == 3
        loss, against_true = sheet.trace("loss")[1], sheet.trace("loss(labels=true)")[1]
        np.testing.assert_array_equal((loss != against_true).any(0), truth["changed"])
    assert not any(key.startswith("seen/") and "labels" in key for key in one.manifest.scores)


@pytest.mark.mlflow
def test_foreign_labels_are_read_back_and_not_drawn_again(tracked: dict[str, str], tmp_path: Path) -> None:
    """What a run was measured against can be had from its sheet although its source is gone."""
    clean = load_images("digits").train
    table = np.zeros(clean.ids.max() + 1, np.int64)
    table[clean.ids] = clean.labels
    path = tmp_path / "human.npz"
    np.savez(path, clean_label=table, noisy_label=(table + 1) % 10)
    scores = f"loss(labels=foreign(corruption=human_noise(path='{path}')))"
    trained = train.train(training(scores=scores, **tracked))
    path.unlink()
    again = {"run": trained.run.id, "scores": scores, "tracking": tracked["tracking"]}
    scored = score.score(build(score.ScoreConfig, again))
    (key,) = SheetReader.open(scored.run.blobs).manifest.scores
    np.testing.assert_allclose(
        SheetReader.open(scored.run.blobs).trace(key)[1],
        SheetReader.open(trained.run.blobs).trace(key)[1],
        rtol=1e-5,
        atol=1e-6,
    )
    with pytest.raises(DataError, match="there is no file"):
        score.score(build(score.ScoreConfig, again | {"scores": scores.replace("))", "), seed=1)")}))


@pytest.mark.mlflow
def test_what_knows_the_truth_is_not_judged_as_a_detector(tracked: dict[str, str]) -> None:
    """Summaries against other labels are kept, but stand in no detection table and in no metric."""
    trained = train.train(training(scores="loss, loss(labels=true)", **tracked))
    assert "csl(labels=true)" in SheetReader.open(trained.run.blobs).summary()
    found = analyze.analyze(build(analyze.AnalyzeConfig, tracked))
    assert "csl" in found.text
    assert "labels=" not in found.text


def test_a_budget_is_kept_with_other_labels_too() -> None:
    """Prices are measured for scores against any labels."""
    settings = {"scores": "loss, loss(labels=true)", "max_overhead": 1.0, "tracking": "off"}
    sheet = SheetReader.open(train.train(training(**settings)).run.blobs)
    assert "loss" in sheet.manifest.scores or "seen/loss" in sheet.manifest.scores


@pytest.mark.mlflow
def test_parts_of_a_protocol_find_their_labels_by_id(tracked: dict[str, str]) -> None:
    """A fold is measured against the other labels of its own examples, in training and when scored later."""
    scores = "loss, loss(labels=true)"
    joined = train.train(training(scores=scores, protocol="k_fold(folds=2)", **tracked))
    part = train.train(training(scores=scores, protocol="k_fold(folds=2)", part=1, **tracked))
    again = {"run": part.run.id, "scores": scores, "tracking": tracked["tracking"]}
    scored = score.score(build(score.ScoreConfig, again))
    for opened in (joined, part, scored):
        sheet = SheetReader.open(opened.run.blobs)
        apart = (sheet.trace("loss")[1] != sheet.trace("loss(labels=true)")[1]).any(0)
        np.testing.assert_array_equal(apart, sheet.summary()["changed"])
        assert apart.any()
