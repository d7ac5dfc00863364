"""`memest audit --verify`: whether leaving out what is flagged helps, by training again."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from memest.cli import main
from memest.data import load_images
from memest.recipe import Recipe
from memest.runs.audit_verify import ALL, CORRECTED, RANDOM, WITHOUT, Verified, mean_interval, said_of, verify
from memest.runs.config import TrainConfig
from memest.runs.prepare import prepare

LEARNING = shlex.split("--tracking offline --model tiny(width=8) --epochs 15 --folds 2 --into out")


def test_leaving_out_wrong_labels_is_better_than_leaving_out_others() -> None:
    """Half of 500 digits have wrong labels, and exactly these are flagged; correcting them helps too."""
    images = load_images("digits", 800).train
    labels = images.labels.copy()
    labels[:250] = (labels[:250] + 5) % 10
    config = TrainConfig(data="digits", model="tiny(width=8)", recipe=Recipe(epochs=8, batch_size=32))
    prepared = prepare(config)
    given = replace(images, labels=labels).take(np.arange(500))
    prepared = replace(prepared, split=replace(prepared.split, train=given, test=None))
    kind = np.where(np.arange(500) < 250, "wrong", "fine")
    flagged = SimpleNamespace(ids=given.ids, kind=kind, suggested=images.labels[:500])
    came = verify(prepared, flagged, images.take(np.arange(500, 800)), 2)  # type: ignore[arg-type]
    assert came.removed == 250 and min(came.gains(WITHOUT, RANDOM)) > 0
    assert min(came.gains(CORRECTED, ALL)) > 0


def test_the_check_is_kept_with_the_audit_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Four trainings for each of two seeds, with their intervals; asked again, it says the same."""
    monkeypatch.chdir(tmp_path)
    images = load_images("digits", 400).train
    labels = images.labels.copy()
    labels[:30] = (labels[:30] + 5) % 10
    arrays = {"images": images.images[:200], "labels": labels[:200], "ids": images.ids[:200]}
    tests = {"test_images": images.images[200:], "test_labels": labels[200:]}
    np.savez(tmp_path / "mine.npz", **arrays, **tests)
    assert main(["audit", "mine.npz", "--verify", "2", *LEARNING]) == 0
    came = json.loads((tmp_path / "out/verify.json").read_bytes())
    assert came["removed"] > 0
    assert {name: len(seeds) for name, seeds in came["test_accuracy"].items()} == {
        ALL: 2,
        CORRECTED: 2,
        WITHOUT: 2,
        RANDOM: 2,
    }
    said = capsys.readouterr().out
    assert "test accuracy, without the flagged" in said and "instead of as many at random" in said
    assert main(["audit", "mine.npz", "--verify", "2", *LEARNING]) == 0
    assert "instead of as many at random" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["mine.npz", "--verify", "2"], "--verify needs a test set"),
        (["--sheet", "run", "--verify", "2"], "audit the data set instead"),
        (["mine.npz", "--verify", "1"], "verify"),
    ],
)
def test_what_cannot_be_verified_is_refused_before_anything_is_trained(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    images = load_images("digits", 60).train
    np.savez(tmp_path / "mine.npz", images=images.images, labels=images.labels)
    assert main(["audit", *arguments, *LEARNING]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1 and not (tmp_path / "out").exists()


@pytest.mark.parametrize(("wrong", "says"), [(301, "more than half"), (60, "every image of class '0'")])
def test_nothing_is_trained_where_nearly_all_or_a_whole_class_is_flagged(wrong: int, says: str) -> None:
    """Networks trained on nearly nothing say nothing of the audit: a sentence instead of numbers."""
    images = load_images("digits", 600).train
    order = np.argsort(images.labels, kind="stable")
    given = images.take(order)
    wrong = wrong if wrong > 300 else int((given.labels == 0).sum())
    config = TrainConfig(data="digits", model="tiny(width=4)", recipe=Recipe(epochs=1, batch_size=32))
    prepared = prepare(config)
    prepared = replace(prepared, split=replace(prepared.split, train=given, test=None))
    kind = np.where(np.arange(600) < wrong, "wrong", "fine")
    flagged = SimpleNamespace(ids=given.ids, kind=kind, suggested=given.labels)
    came = verify(prepared, flagged, given, 2)  # type: ignore[arg-type]
    assert came.accuracies == {} and says in said_of(came.to_json())[0]


def test_the_interval_of_a_mean_is_students() -> None:
    """Of 1, 2, 3: mean 2, standard error 1/√3, and 4.303 of these to both sides; cut to what can be."""
    mean, reach = 2, 4.3027 / 3**0.5
    wide = mean_interval([1.0, 2.0, 3.0], -9, 9)
    assert wide == pytest.approx((mean, mean - reach, mean + reach), abs=1e-3)
    assert mean_interval([0.99, 0.6], 0, 1)[1:] == (0, 1)
    accuracies = {ALL: [0.5, 0.5], WITHOUT: [0.7, 0.8], RANDOM: [0.5, 0.4]}
    assert Verified(3, accuracies).gains(WITHOUT, RANDOM) == pytest.approx([0.2, 0.4])


def test_a_list_that_is_better_than_chance_need_not_help() -> None:
    """Leaving out the flagged is compared with keeping them as well as with leaving out others."""
    same, worse = [0.82, 0.83, 0.82], [0.80, 0.81, 0.801]
    found = Verified(9, {ALL: same, CORRECTED: worse, WITHOUT: same, RANDOM: worse})
    said = said_of(found.to_json())[-3:]
    assert said[0].startswith("correcting the 9 flagged: -") and said[0].endswith("acting harms")
    assert said[1] == "leaving out the 9 flagged: +0.0 points (+0.0 to +0.0): no difference is shown"
    assert said[2].endswith("the list is better than chance")
