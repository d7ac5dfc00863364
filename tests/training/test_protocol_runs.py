"""Protocols as runs: a run for every part, joined by id; nothing is observed by a network that saw it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cleanlab.rank import get_label_quality_scores
from mlflow import MlflowClient

from memest.analysis.queries import query_runs
from memest.data import corrupt, load_images, plan
from memest.data.rebuilt import TRAINED
from memest.errors import SettingError, SheetError
from memest.grammar.config import build
from memest.runs import parts
from memest.runs.config import TrainConfig
from memest.runs.parts import PROBABILITIES
from memest.runs.prepare import prepare
from memest.scores import Scorer
from memest.seeding import Streams
from memest.stages import score, train
from memest.store import SheetReader
from memest.store.artifacts import run_blobs
from memest.store.tables import read_array, read_table

EPOCHS, LIMIT = 4, 240


def settings(**more: Any) -> dict[str, Any]:
    """A short run on real images with wrong labels, kept out of MLflow."""
    return {
        "corruption": "symmetric_noise(rate=0.1)",
        "epochs": EPOCHS,
        "limit": LIMIT,
        "batch_size": 32,
        "tracking": "off",
        **more,
    }


def run(**more: Any) -> Any:
    """Train all parts in this process."""
    return train.train(build(TrainConfig, settings(**more)))


def sheet(**more: Any) -> SheetReader:
    """The sheet that a run leaves."""
    return SheetReader.open(run(**more).run.blobs)


def images_of(seed: int = 0) -> Any:
    """What `settings` trains on."""
    return corrupt(load_images("digits", LIMIT).train, settings()["corruption"], Streams(seed))[0]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder for the runs of all tests: what one has trained is done for the others."""
    return str(tmp_path_factory.mktemp("home"))


@pytest.fixture
def shared(home: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The runs of a test are in that folder."""
    monkeypatch.setenv("MEMEST_HOME", home)


@pytest.mark.usefixtures("shared")
@pytest.mark.parametrize("spec", ["k_fold", "second_split"])
def test_parts_are_joined_by_id(spec: str) -> None:
    """Each row of the joined sheet is that of the part which observed the example, found by its id."""
    whole, images = sheet(protocol=spec), images_of()
    parts = plan(images, spec, Streams(0))
    epochs, loss_EN = whole.trace("loss")
    assert epochs.tolist() == list(range(len(parts[0].stages) * EPOCHS + 1))
    place = {int(example): n for n, example in enumerate(whole.summary()["id"])}
    for number, part in enumerate(parts):
        own = sheet(protocol=spec, part=number)
        columns = [place[int(example)] for example in own.summary()["id"]]
        np.testing.assert_array_equal(own.trace("loss")[1], loss_EN[:, columns])
        np.testing.assert_array_equal(own.summary()["id"], images.ids[part.observed])
        np.testing.assert_array_equal(own.summary()["csl"], whole.summary()["csl"][columns])


@pytest.mark.usefixtures("shared")
def test_a_fold_keeps_what_it_was_trained_on() -> None:
    """None of it is observed, and its network says of the observed what the joined probabilities say."""
    whole, images = sheet(protocol="k_fold"), images_of()
    probabilities = read_array(whole.kept(PROBABILITIES))
    assert probabilities.shape == (LIMIT, 10)
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-5)
    for number in range(3):
        own = sheet(protocol="k_fold", part=number)
        trained = read_table(own.kept(TRAINED))["id"]
        observed = own.summary()["id"]
        assert not set(trained) & set(observed)
        assert set(trained) | set(observed) == set(images.ids)
        held = np.isin(whole.summary()["id"], observed)
        np.testing.assert_array_equal(read_array(own.kept(PROBABILITIES)), probabilities[held])
        _, loss_EN = own.trace("loss")
        label = own.summary()["label"]
        mine = read_array(own.kept(PROBABILITIES))
        np.testing.assert_allclose(
            -np.log(mine[np.arange(len(mine)), label]), loss_EN[-1], rtol=2e-3, atol=1e-5
        )


@pytest.mark.usefixtures("shared")
def test_every_fold_begins_with_a_fresh_network() -> None:
    """At epoch 0 the folds' networks are the untouched one: the joined losses are those of one network."""
    together, alone = sheet(protocol="k_fold"), sheet(protocol="standard")
    _, folds = together.trace("loss")
    _, whole = alone.trace("loss")
    np.testing.assert_allclose(folds[0], whole[0], rtol=0.2)  # statistics of pixels differ a little
    assert not np.allclose(folds[-1], whole[-1], rtol=0.2)


@pytest.mark.usefixtures("shared")
def test_confident_learning_is_that_of_cleanlab() -> None:
    """From the joined out-of-sample probabilities and the labels that were trained on."""
    whole = sheet(protocol="k_fold")
    summary = whole.summary()
    quality = get_label_quality_scores(summary["label"], read_array(whole.kept(PROBABILITIES)))
    np.testing.assert_allclose(summary["confident_learning"], 1 - quality)
    ranks = summary["confident_learning_truncated"]
    assert ranks.max() == 1
    assert (ranks == 0).any()


@pytest.mark.usefixtures("shared")
def test_second_split_forgetting_by_hand() -> None:
    """The first epoch of the second stage from which an example is wrong to the end."""
    whole = sheet(protocol="second_split")
    epochs, correct_EN = whole.trace("correct")
    second = correct_EN[epochs > EPOCHS] > 0.5
    expected = []
    for example in second.T:
        first = EPOCHS + 1
        for epoch in range(EPOCHS, 0, -1):
            if example[epoch - 1]:
                break
            first = epoch
        expected.append(-first)
    np.testing.assert_array_equal(whole.summary()["second_split_forgetting"], expected)
    np.testing.assert_allclose(whole.summary()["second_split_mean_correct"], 1 - second.mean(0), rtol=1e-6)


@pytest.mark.usefixtures("shared")
def test_the_second_stage_begins_with_a_fresh_schedule() -> None:
    """The learning rate starts again; the network goes on."""
    opened = run(protocol="second_split", part=0)
    lines = map(json.loads, (Path(opened.run.id) / "entries.jsonl").read_text().splitlines())
    points = [line for line in lines if line["kind"] == "metrics" and "learning_rate" in line["values"]]
    rates = {point["step"]: point["values"]["learning_rate"] for point in points}
    assert rates[1] == rates[EPOCHS + 1] > rates[EPOCHS]


class _DiedError(Exception):
    pass


@pytest.mark.parametrize("epoch", [2, EPOCHS, EPOCHS + 1, EPOCHS + 3])
def test_a_part_that_died_goes_on_to_the_same_bytes(
    epoch: int, home: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within a stage and between two; parts that were done are not trained again."""
    monkeypatch.setenv("MEMEST_RESUME_EVERY_EPOCH", "1")
    measure, calls = Scorer.measure, [0]

    def dying(*arguments: Any) -> Any:
        calls[0] += 1
        if calls[0] == 2 * EPOCHS + 1 + epoch + 1:
            raise _DiedError
        return measure(*arguments)

    with monkeypatch.context() as once:
        once.setattr(Scorer, "measure", dying)
        with pytest.raises(_DiedError):
            run(protocol="second_split")
    before = calls[0]
    calls[0] = -1000
    monkeypatch.setattr(Scorer, "measure", dying)
    broken = sheet(protocol="second_split")
    assert calls[0] + 1000 + before - 1 == 2 * (2 * EPOCHS + 1)
    monkeypatch.setenv("MEMEST_HOME", home)
    whole = sheet(protocol="second_split")
    assert [part.sha256 for part in broken.manifest.kept] == [part.sha256 for part in whole.manifest.kept]
    assert broken.manifest.blocks == whole.manifest.blocks


def test_a_part_that_saw_what_it_observed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a part kept of its training is believed, not its plan."""
    kept = parts.read_table

    def leaking(content: bytes) -> Any:
        columns = kept(content)
        return columns | {"id": np.arange(len(columns["id"]))}

    monkeypatch.setattr(parts, "read_table", leaking)
    with pytest.raises(SheetError, match="not out of sample"):
        run(protocol="k_fold")


def test_parts_are_children_of_the_run_that_joins_them(store_uri: str, tmp_path: Path) -> None:
    """The MLflow UI nests them; queries give the joined run alone; `score` measures a part as it was."""
    where = {"tracking": store_uri, "experiment": f"parts-{tmp_path.name}"}
    opened = run(protocol="k_fold(folds=2)", **where)
    client = MlflowClient(store_uri)
    experiment = client.get_experiment_by_name(where["experiment"]).experiment_id
    runs = {found.info.run_id: found for found in client.search_runs([experiment])}
    children = [found for found in runs.values() if "memest.part" in found.data.tags]
    assert len(runs) == 3
    assert {found.data.tags["mlflow.parentRunId"] for found in children} == {opened.run.id}
    (only,) = query_runs(client, where["experiment"], {}, tmp_path / "cache")
    assert only.id == opened.run.id
    assert "auroc/confident_learning" in only.metrics
    total = sum(child.data.metrics["cost_seconds/training"] for child in children)
    assert only.metrics["cost_seconds/training"] == pytest.approx(total, abs=1e-3)
    part = children[0]
    scored = score.score(
        build(score.ScoreConfig, {"run": part.info.run_id, "scores": "loss", "tracking": store_uri})
    )
    again = SheetReader.open(scored.run.blobs)
    own = SheetReader.open(run_blobs(client, part.info.run_id, tmp_path / "cache"))
    np.testing.assert_array_equal(again.trace("loss")[1][-1], own.trace("loss")[1][-1])
    assert run(protocol="k_fold(folds=2)", **where).done


def test_parts_lie_where_their_parent_lies(
    store_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that `mlflow run` gave decides the experiment, for the parts too."""
    client = MlflowClient(store_uri)
    experiment = client.create_experiment(f"given-{tmp_path.name}")
    given = client.create_run(experiment).info.run_id
    monkeypatch.setenv("MLFLOW_RUN_ID", given)
    opened = run(protocol="k_fold(folds=2)", tracking=store_uri, experiment=f"other-{tmp_path.name}")
    assert opened.run.id == given
    assert len(client.search_runs([experiment])) == 3


def test_k_fold_needs_no_correctness_for_its_detector() -> None:
    """Confident learning is made from probabilities alone."""
    assert "confident_learning" in sheet(protocol="k_fold(folds=2)", scores="loss").summary()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"protocol": "k_fold", "part": 3}, "parts 0 to 2"),
        ({"part": 0}, "leave --part out"),
        ({"protocol": "k_fold", "max_overhead": 0.1}, "several that must agree"),
        ({"protocol": "k_fold(folds=1)"}, "folds"),
        ({"protocol": "second_split", "scores": "loss"}, "needs the score correct"),
    ],
)
def test_what_cannot_be_done_is_refused(given: dict[str, Any], said: str) -> None:
    """Before anything is written."""
    with pytest.raises(SettingError, match=said):
        run(**given)


def test_all_parts_at_once_are_not_one_training() -> None:
    """Training alone takes one part: the name of it is asked for."""
    with pytest.raises(SettingError, match="name one"):
        train.train_part(prepare(build(TrainConfig, settings(protocol="k_fold"))))
