"""Runs that end early because their ranking is stable: when, what they say, and that they go on alike."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from memest.errors import SettingError
from memest.grammar.config import build
from memest.runs.config import TrainConfig
from memest.scores import Scorer
from memest.stages import train
from memest.store import Blobs, SheetReader

RULE = "stable(agreement=0.8, epochs=2)"
FOLDERS = ("sheet", "checkpoint", "figures")


def run(**more: Any) -> Any:
    """A short run that is stable long before its last epoch."""
    settings = {
        "corruption": "symmetric_noise(rate=0.1)",
        "limit": 200,
        "epochs": 60,
        "batch_size": 32,
        "tracking": "off",
        "stop_when": RULE,
    }
    return train.train(build(TrainConfig, settings | more)).run


def everything(blobs: Blobs) -> dict[str, bytes]:
    """Every blob of a run, but for settings and tables, one of which says how long it took."""
    return {name: blobs.get(name) for folder in FOLDERS for name in blobs.names(folder)}


def agreements(sheet: SheetReader) -> list[float]:
    """Correlation of the sums up to epoch t and up to t/2, for t = 2, 3, …, by NumPy."""
    epochs, losses = sheet.trace("seen/loss")

    def until(last: float) -> Any:
        return losses[epochs <= last].sum(0, dtype=np.float64)

    return [float(np.corrcoef(until(t), until(t / 2))[0, 1]) for t in epochs[1:]]


def test_a_stable_run_ends_and_says_when_and_why() -> None:
    """It ends where its own losses first say so twice in a row; its network is kept, its reason recorded."""
    ended = run()
    sheet = SheetReader.open(ended.blobs)
    found = agreements(sheet)
    assert min(found[-2:]) >= 0.8
    assert not any(min(pair) >= 0.8 for pair in itertools.pairwise(found[:-1]))
    last = len(found) + 1
    assert last < 60
    kept = json.loads(ended.blobs.get("stopped.json"))
    assert (kept["epoch"], kept["epochs"]) == (last, 60)
    assert f"stable after epoch {last}" in kept["why"]
    assert ended.blobs.names("checkpoint") == [f"checkpoint/epoch-{last:06d}.pt"]
    lines = [json.loads(line) for line in (Path(ended.id) / "entries.jsonl").read_text().splitlines()]
    curve = {
        one["step"]: one["values"]["agrees_with_half"] for one in lines if "agrees_with_half" in str(one)
    }
    np.testing.assert_allclose([curve[t] for t in range(2, last + 1)], found, rtol=1e-5)
    assert kept["why"] in str(lines)


def test_what_is_due_at_the_last_epoch_is_measured_where_a_run_stops() -> None:
    """The epoch that the rule ends is the last one, although more were planned."""
    sheet = SheetReader.open(run(score_every=50, gradient_every=50, scores="loss, input_gradient").blobs)
    last = sheet.manifest.scores["seen/loss"]["epochs"][-1]
    assert last < 50
    assert [sheet.manifest.scores[key]["epochs"] for key in sorted(sheet.manifest.scores)[:2]] == [
        [0, last]
    ] * 2


def test_until_then_it_is_the_run_that_trains_all_epochs() -> None:
    """The rule only ends a run: every epoch before has the bits that it has without the rule."""
    short, long = (SheetReader.open(run(stop_when=rule).blobs) for rule in (RULE, "never"))
    epochs, losses = short.trace("loss")
    _, all_losses = long.trace("loss")
    assert len(all_losses) == 61
    np.testing.assert_array_equal(losses, all_losses[: len(epochs)])


@pytest.mark.pictures
@pytest.mark.parametrize("place", ["measure", "report"])
def test_a_run_that_died_stops_where_it_would_have(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed on its way, or after its last epoch: the same bytes, and not one epoch more."""
    monkeypatch.setenv("MEMEST_RESUME_EVERY_EPOCH", "1")
    whole = everything(run(seed=3).blobs)
    monkeypatch.setenv("MEMEST_HOME", "killed")
    owner = Scorer if place == "measure" else train
    real, calls = getattr(owner, place), [0]

    def dying(*arguments: Any) -> Any:
        calls[0] += 1
        if calls[0] == (6 if place == "measure" else 1):
            raise RuntimeError("died")
        return real(*arguments)

    with monkeypatch.context() as once:
        once.setattr(owner, place, dying)
        with pytest.raises(RuntimeError, match="died"):
            run(seed=3)
    assert everything(run(seed=3).blobs) == whole


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"protocol": "k_fold(folds=2)"}, "--protocol k_fold.* compares trainings of equally many epochs"),
        ({"protocol": "second_split"}, "leave one of the two out"),
        ({"scores": "correct"}, "add loss to --scores correct"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(settings: dict[str, str], message: str) -> None:
    """Before anything is written."""
    with pytest.raises(SettingError, match=message):
        run(**settings)
    assert not Path(".memest").exists()
