"""Runs that are measured again or read when something was damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from mlflow import MlflowClient
from short_runs import training

from memest.errors import (
    FingerprintError,
    SettingError,
    SheetError,
)
from memest.grammar.config import build
from memest.stages import analyze, score, train
from memest.store import SheetReader
from memest.store.artifacts import ArtifactBlobs

pytestmark = pytest.mark.mlflow


@pytest.fixture
def client(store_uri: str) -> MlflowClient:
    """A client of the shared store."""
    return MlflowClient(store_uri)


def test_scoring_from_checkpoints_repeats_training(tracked: dict[str, str], client: MlflowClient) -> None:
    """What `score` measures from a kept network is what training measured, probes included."""
    scores = "loss, curvature(probes=2)"
    trained = train.train(training(scores=scores, checkpoints="all", **tracked))
    again = score.score(
        build(score.ScoreConfig, {"run": trained.run.id, "scores": scores, "tracking": tracked["tracking"]})
    )
    assert again.run.id != trained.run.id
    assert client.get_run(again.run.id).data.tags["memest.source_run"] == trained.run.id
    first, second = SheetReader.open(trained.run.blobs), SheetReader.open(again.run.blobs)
    for key in first.manifest.scores:
        if not key.startswith("seen/"):
            np.testing.assert_array_equal(first.trace(key)[0], second.trace(key)[0])
            np.testing.assert_allclose(first.trace(key)[1], second.trace(key)[1], rtol=1e-5)


def test_analysis_joins_what_score_added(tracked: dict[str, str]) -> None:
    """A summary that only a later scoring run can answer stands in the table of its training run."""
    trained = train.train(training(**tracked))
    settings = {"run": trained.run.id, "scores": "input_gradient", "tracking": tracked["tracking"]}
    before = analyze.analyze(build(analyze.AnalyzeConfig, tracked))
    score.score(build(score.ScoreConfig, settings))
    after = analyze.analyze(build(analyze.AnalyzeConfig, tracked))
    for found, there in ((before, False), (after, True)):
        assert ("csg " in found.text) == there
        assert (b"<td>csg</td>" in found.blobs.get("report.html")) == there


def test_score_refuses_epochs_that_were_not_kept(sealed: dict[str, str]) -> None:
    """The error lists the epochs that can be reached, and nothing is written."""
    trained = train.train(training(**sealed))
    settings = {"run": trained.run.id, "epochs": "1", "tracking": sealed["tracking"]}
    with pytest.raises(SettingError, match=r"epoch 1 was not kept .*kept: 2"):
        score.score(build(score.ScoreConfig, settings))


def test_score_refuses_a_dataset_that_has_changed(tracked: dict[str, str]) -> None:
    """Images that changed since the run are refused by fingerprint: labels are never joined by luck."""
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 255, (60, 8, 8), np.uint8), np.arange(60) % 3
    np.savez("mine.npz", images=images, labels=labels)
    trained = train.train(training(data="npz(path=mine.npz)", limit=0, **tracked))
    images[0, 0, 0] ^= 1
    np.savez("mine.npz", images=images, labels=labels)
    settings = {"run": trained.run.id, "tracking": tracked["tracking"]}
    with pytest.raises(FingerprintError, match="measured against fingerprint"):
        score.score(build(score.ScoreConfig, settings))


def test_a_flipped_bit_is_refused(tracked: dict[str, str], client: MlflowClient) -> None:
    """A damaged artifact is named when it is read."""
    opened = train.train(training(**tracked))
    root = Path(client.get_run(opened.run.id).info.artifact_uri.removeprefix("file://"))
    path = root / "sheet" / "summary.parquet"
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(Exception, match=r"sheet/summary\.parquet is damaged"):
        SheetReader.open(ArtifactBlobs(client, opened.run.id)).summary()


def test_a_kept_network_is_read_only_as_it_was_written(
    tracked: dict[str, str], client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One bit of a weight flipped in the store: `score` names the file instead of measuring with it."""
    opened = train.train(training(**tracked))
    root = Path(client.get_run(opened.run.id).info.artifact_uri.removeprefix("file://"))
    (path,) = (root / "checkpoint").iterdir()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    monkeypatch.setenv("MEMEST_HOME", "another-machine")
    settings = {"run": opened.run.id, "scores": "loss", "tracking": tracked["tracking"]}
    with pytest.raises(SheetError, match=r"checkpoint/epoch-000002\.pt is damaged"):
        score.score(build(score.ScoreConfig, settings))


def test_scoring_a_ticket_scores_the_run_it_points_at(sealed: dict[str, str], client: MlflowClient) -> None:
    """The id that `mlflow run` printed will do, although the work lies in another run."""
    opened = train.train(training(**sealed))
    experiment = client.get_run(opened.run.id).info.experiment_id
    ticket = client.create_run(experiment, tags={"memest.ticket_of": opened.run.id}).info.run_id
    settings = {"run": ticket, "scores": "entropy", "tracking": sealed["tracking"]}
    scored = score.score(build(score.ScoreConfig, settings))
    assert client.get_run(scored.run.id).data.tags["memest.source_run"] == opened.run.id
