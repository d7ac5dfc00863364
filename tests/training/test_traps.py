"""The traps in the released reference code, one by one: each shows that it cannot happen here.

Where another test shows it already, it is named below, and a test sees to it that the name is still one.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from memest.analysis.detection import detection_rows
from memest.analysis.queries import query_runs
from memest.analysis.record import RunRecord
from memest.data import corrupt, load_images
from memest.data.protocols import plan
from memest.detect import detect, rank
from memest.errors import FingerprintError, SheetError
from memest.grammar.config import build
from memest.runs.config import TrainConfig
from memest.seeding import Streams
from memest.stages import score, train
from memest.store import LocalBlobs, SheetReader
from memest.store.tables import read_table
from memest.summaries import HIGHER, SUMMARIES, Trace, direction, summarise, suspicion
from memest.tracking import connect

TESTS = Path(__file__).parents[1]
ELSEWHERE = {
    "1 scores against other labels than those trained on": [
        "test_labels_that_are_not_there_are_refused",
        "test_other_labels_give_what_a_set_with_these_labels_gives",
        "test_what_knows_the_truth_is_not_judged_as_a_detector",
        "test_score_refuses_a_dataset_that_has_changed",
        "test_other_labels_are_refused",
    ],
    "2 folds whose network has seen what it is asked about": [
        "test_a_fold_is_never_trained_on_by_its_network",
        "test_every_example_is_observed_exactly_once",
        "test_every_fold_begins_with_a_fresh_network",
        "test_a_part_that_saw_what_it_observed_is_refused",
    ],
    "3 never learned counted as learned first": [
        "test_an_example_never_learned_is_the_most_suspicious",
        "test_a_summary_has_a_direction",
    ],
    "4 a curvature that depends on the batch": [
        "test_does_not_depend_on_the_batch_size",
        "test_the_last_smaller_batch_is_like_any_other",
        "test_curvature_is_that_of_each_example_alone",
        "test_curvature_is_divided_by_its_step",
    ],
    "5 one seed for everything, truth drawn again": [
        "test_the_corruption_has_a_seed_of_its_own",
        "test_the_truth_rebuilds_the_damaged_set",
        "test_the_corruption_seed_moves_labels_only",
        "test_the_noise_seed_moves_labels_only",
    ],
    "6 a failed read that draws a new map": [
        "test_a_damaged_part_is_named",
        "test_foreign_labels_are_read_back_and_not_drawn_again",
    ],
    "8 both members of a pair counted as one": [
        "test_a_copy_shows_its_partner",
    ],
}
_names = itertools.count()


def training(**settings: Any) -> TrainConfig:
    """A short run on part of the digits."""
    short = {"corruption": "symmetric_noise(rate=0.05)", "epochs": 2, "limit": 300, "checkpoints": "all"}
    return build(TrainConfig, short | settings)


@pytest.fixture
def tracked(store_uri: str) -> dict[str, str]:
    """Settings that put runs into a fresh experiment of the shared store."""
    return {"tracking": store_uri, "experiment": f"traps-{next(_names)}-{Path.cwd().name}"}


@pytest.mark.parametrize("name", [name for names in ELSEWHERE.values() for name in names])
def test_what_is_shown_elsewhere_is_still_there(name: str) -> None:
    """The tests that this file leans on exist, each once."""
    there = [file for file in TESTS.rglob("test_*.py") if f"\ndef {name}(" in file.read_text("utf-8")]
    assert len(there) == 1


@pytest.mark.mlflow
def test_1_a_sheet_against_other_labels_is_never_joined(tracked: dict[str, str]) -> None:
    """Scores of a run that was trained on another draw are refused, both fingerprints named."""
    for seed in (0, 1):
        train.train(training(corruption_seed=seed, **tracked))
    one, other = query_runs(connect(tracked["tracking"]), tracked["experiment"], {}, Path("cache"))
    mixed = RunRecord(one.id, one.name, one.tags, one.metrics, one.blobs, {other.id: other.blobs})
    prints = [run.sheet.manifest.header.fingerprint[:16] for run in (one, other)]
    with pytest.raises(FingerprintError, match=f"{prints[1]}.*{prints[0]}"):
        _ = mixed.summary


@pytest.mark.parametrize("folds", [2, 3, 5])
def test_2_folds_hold_out_by_the_labels_that_are_given(folds: int) -> None:
    """With noise in the labels each fold is disjoint from its training part, with its share of each class."""
    images, _ = corrupt(load_images("digits").train, "symmetric_noise(rate=0.2)", Streams(0))
    counts = np.bincount(images.labels, minlength=10)
    for part in plan(images, f"k_fold(folds={folds})", Streams(0)):
        (trained,) = part.stages
        assert np.intersect1d(images.ids[trained], images.ids[part.observed]).size == 0
        held = np.bincount(images.labels[part.observed], minlength=10)
        assert (np.abs(held - counts / folds) < 1).all()


@pytest.mark.mlflow
def test_2_every_run_is_judged_by_its_own_changed_labels(tracked: dict[str, str]) -> None:
    """Runs whose noise was drawn differently: each AUROC is that against the truth stored with the run."""
    for seed in (1, 2):
        train.train(training(seed=seed, scores="loss", **tracked))
    runs = query_runs(connect(tracked["tracking"]), tracked["experiment"], {}, Path("cache"))
    changed = [run.sheet.truth()["changed"] for run in runs]
    assert (changed[0] != changed[1]).any()
    rows = detection_rows(runs)
    for run, own in zip(runs, changed, strict=True):
        (came,) = rows[(rows.run == run.id) & (rows.summary == "csl")].auroc
        assert came == pytest.approx(roc_auc_score(own, run.sheet.summary()["csl"]))


def test_3_never_learned_is_one_epoch_after_the_last() -> None:
    """E + 1 where `argmax` would say the first epoch; ranked first by the declared direction alone."""
    correct = np.array([[0, 0, 0, 1], [1, 0, 0, 1], [1, 1, 0, 1]], float)
    first = summarise("first_learned", lambda _: Trace(np.arange(1, 4), correct))
    assert first.tolist() == [2, 3, 4, 1]
    assert correct.argmax(0).tolist() == [1, 2, 0, 0]
    assert direction("first_learned") == HIGHER
    assert rank("first_learned", first).tolist() == [2, 1, 0, 3]


def test_3_a_sign_is_declared_once() -> None:
    """Suspicion is value times direction for every summary, whatever its settings, seen or clean."""
    for name in SUMMARIES:
        declared = SUMMARIES.declaration(name).harder
        needs = "(tau=1.0)" if name in ("learning_time", "first_crossing") else ""
        for text in (f"{name}{needs}", f"seen/{name}{needs}"):
            np.testing.assert_array_equal(suspicion(text, [1.0, 2.0]), [declared, 2.0 * declared])


@pytest.mark.mlflow
@pytest.mark.parametrize("damage", ["flipped", "gone"])
def test_6_truth_that_cannot_be_read_is_an_error(
    tracked: dict[str, str], damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is drawn in its place, and nothing in the store is written over."""
    opened = train.train(training(corruption="conflicting_duplicates(pairs=20)", **tracked))
    uri = connect(tracked["tracking"]).get_run(opened.run.id).info.artifact_uri
    folder = Path(uri.removeprefix("file://"))
    path = folder / "sheet" / "truth.parquet"
    content = path.read_bytes()
    assert read_table(content)["partner_id"].max() >= 0
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(content[:50] + bytes([content[50] ^ 1]) + content[51:])
    before = {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    monkeypatch.setenv("MEMEST_HOME", "another-machine")
    settings = {"run": opened.run.id, "scores": "loss", "tracking": tracked["tracking"]}
    with pytest.raises(SheetError, match=r"sheet/truth\.parquet"):
        score.score(build(score.ScoreConfig, settings))
    assert {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()} == before


def test_8_copies_and_twins_can_be_judged_apart() -> None:
    """The stored truth tells them apart, so that either is found alone, with its twin left out."""
    opened = train.train(training(corruption="conflicting_duplicates(pairs=20)", tracking="off", epochs=8))
    assert isinstance(opened.run.blobs, LocalBlobs)
    sheet = SheetReader.open(opened.run.blobs)
    truth, csl = sheet.truth(), sheet.summary()["csl"]
    copies = truth["partner_id"] >= 0
    twins = np.isin(truth["id"], truth["partner_id"][copies])
    assert (copies.sum(), twins.sum(), (copies & twins).sum()) == (20, 20, 0)
    np.testing.assert_array_equal(truth["changed"], copies | twins)
    for alone, left_out in ((copies, twins), (twins, copies)):
        found = detect(csl[~left_out], alone[~left_out])
        assert (found.positives, found.examples) == (20, 280)
        assert found.auroc.value == pytest.approx(roc_auc_score(alone[~left_out], csl[~left_out]))
