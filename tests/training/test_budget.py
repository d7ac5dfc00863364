"""Budgets and costs: what is chosen keeps the share, and what a run says it cost is what it took."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from memest.errors import SettingError
from memest.grammar.config import build
from memest.overhead.budget import choose
from memest.overhead.costs import TOTAL, Costs
from memest.overhead.prices import Prices
from memest.overhead.schedule import ScoringSchedule
from memest.runs import budget
from memest.runs.config import TrainConfig
from memest.scores import Clock, ScoreSet
from memest.stages.train import train
from memest.store import SheetReader
from memest.tracking import read_columns

DEAR = str(ScoreSet("logits, input_gradient, curvature(probes=8)"))
SINGLE = ScoreSet("curvature(probes=1)").keys[0]
CPU = torch.device("cpu")
SHORT = {"epochs": 4, "limit": 300, "tracking": "off"}


def prices(training: float, forward: float, backward: float, probe: float, idle: float = 0) -> Prices:
    """A pass with gradients costs what its parts cost."""
    return Prices(training, idle, forward, forward + backward, {SINGLE: probe})


def spent(schedule: ScoringSchedule, given: Prices, epochs: int) -> float:
    """Seconds that a schedule takes, told apart by what is due, not by `Prices.of`."""
    total = 0.0
    for epoch in range(epochs + 1):
        specs = schedule.due(epoch, epochs).specs
        probes = sum(spec.settings["probes"] for spec in specs if spec.name == "curvature")
        near = any(spec.name == "input_gradient" for spec in specs)
        total += given.gradients + probes * given.probes[SINGLE] if near else given.logits if specs else 0
    return total


seconds = st.floats(0.01, 10)


@given(seconds, seconds, seconds, seconds, st.integers(1, 60), st.floats(0.01, 1))
def test_what_is_chosen_keeps_the_budget(
    training: float, forward: float, backward: float, probe: float, epochs: int, share: float
) -> None:
    """Whatever things cost, the chosen epochs and probes keep the share, never more than asked."""
    known = prices(training, forward, backward, probe)
    asked = ScoringSchedule(DEAR, 1, 2)
    chosen = choose(asked, known, epochs, share)
    assert spent(chosen, known, epochs) <= share * training * epochs
    assert chosen.score_every == 0 or chosen.score_every >= asked.score_every
    assert chosen.gradient_every == 0 or chosen.gradient_every >= asked.gradient_every
    assert ScoreSet(chosen.scores).keys[:-1] == ScoreSet(DEAR).keys[:-1]


def test_a_budget_that_allows_everything_changes_nothing() -> None:
    """Cheap scores in long training are measured as asked."""
    asked = ScoringSchedule(DEAR, 1, 1)
    assert choose(asked, prices(100, 0.1, 0.1, 0.1), 20, 0.5) == asked


def test_a_budget_is_used() -> None:
    """One more epoch of gradients, or of logits where there is no room for that, would not have fitted."""
    known = prices(1, 0.01, 0.05, 0.01)
    chosen = choose(ScoringSchedule(DEAR, 1, 1), known, 40, 0.1)
    more = replace(chosen, gradient_every=chosen.gradient_every - 1)
    assert spent(chosen, known, 40) <= 0.9 * 0.1 * 40 < spent(more, known, 40)


def test_probes_are_given_up_before_epochs() -> None:
    """Where fewer than five epochs of gradients would fit, probes are halved until they do."""
    chosen = choose(ScoringSchedule(DEAR, 1, 1), prices(1, 0.01, 0.01, 0.2), 20, 0.3)
    assert "probes=2" in chosen.scores
    assert sum(bool(chosen.due(epoch, 20).of("input")) for epoch in range(21)) >= 5


def test_specs_that_become_equal_are_measured_once() -> None:
    """Ten and eleven probes both come down to five: one score is left, and its price counts once."""
    asked = ScoringSchedule(str(ScoreSet("loss, curvature(probes=10), curvature(probes=11)")), 1, 1)
    chosen = choose(asked, prices(1, 0.01, 0.01, 0.1), 20, 0.3)
    assert len(ScoreSet(chosen.scores)) == 2
    assert chosen.scores == str(ScoreSet(chosen.scores))
    assert chosen.gradient_every


@pytest.mark.parametrize("share", [0, -0.1, 1.01, "much"])
def test_a_share_outside_0_to_1_is_refused_before_training(share: Any) -> None:
    """(0, 1] is what a budget can be."""
    with pytest.raises(SettingError, match="max-overhead"):
        build(TrainConfig, {"max_overhead": share})


def test_a_run_that_would_store_nothing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only gradients, and no epoch for them: by the budget, with the least that fits, or by the settings."""
    with pytest.raises(SettingError, match="at no epoch"):
        train(build(TrainConfig, SHORT | {"scores": "curvature", "gradient_every": 0}))
    monkeypatch.setattr(budget, "measured_prices", lambda *_: prices(1, 0.1, 0.1, 0.1))
    config = build(TrainConfig, SHORT | {"scores": "curvature", "max_overhead": 0.1})
    with pytest.raises(SettingError, match=r"0\.17 would do"):
        train(config)


def test_a_run_within_a_budget_is_the_run_of_its_chosen_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is chosen is part of the key: giving it without a budget finds the same run, and so does again."""
    monkeypatch.setattr(budget, "measured_prices", lambda *_: prices(1, 0.01, 0.01, 0.07))
    config = build(TrainConfig, SHORT | {"scores": DEAR, "max_overhead": 0.5})
    opened = train(config)
    assert not opened.done
    chosen = json.loads(opened.run.blobs.get("plan.json"))["chosen"]
    assert "probes=2" in chosen["scores"]
    assert SheetReader.open(opened.run.blobs).manifest.header.config.items() >= chosen.items()
    assert train(build(TrainConfig, SHORT | chosen)).done
    monkeypatch.setattr(budget, "measured_prices", lambda *_: prices(1, 9, 9, 9))
    assert train(config).done


def test_prices_are_measured_on_a_copy() -> None:
    """A budget on real prices: all of them positive, and the run's network and numbers untouched."""
    settings = SHORT | {"scores": "loss, curvature(probes=2)"}
    blobs = train(build(TrainConfig, settings | {"max_overhead": 1.0})).run.blobs
    record = json.loads(blobs.get("plan.json"))
    flat = record["seconds"] | record["seconds"]["probes"]
    assert all(value > 0 for value in flat.values() if isinstance(value, float))
    plain = train(build(TrainConfig, settings | {"gradient_every": 3})).run.blobs
    ours, theirs = (SheetReader.open(one).trace("seen/loss")[1] for one in (blobs, plain))
    assert (ours == theirs).all()


def test_scores_are_measured_at_the_epochs_that_were_asked_for() -> None:
    """Logit scores at every third epoch, gradients at every fourth (logits come along), and the last."""
    settings = {"epochs": 5, "limit": 300, "tracking": "off", "scores": "loss, input_gradient"}
    config = build(TrainConfig, settings | {"score_every": 3, "gradient_every": 4})
    sheet = SheetReader.open(train(config).run.blobs)
    assert sheet.trace("loss")[0].tolist() == [0, 3, 4, 5]
    assert sheet.trace("input_gradient(norm=2)")[0].tolist() == [0, 4, 5]
    assert sheet.trace("seen/loss")[0].tolist() == [1, 2, 3, 4, 5]


def test_a_run_reports_what_each_score_cost() -> None:
    """tables/cost has a row for training, for what scores share, for each score, and for all of it."""
    settings = {"epochs": 2, "limit": 300, "tracking": "off", "scores": "loss, curvature(probes=2)"}
    began = time.perf_counter()
    run = train(build(TrainConfig, settings)).run
    took = time.perf_counter() - began
    table = read_columns(run.blobs.get("tables/cost.json"))
    rows = dict(zip(table["what"], table["seconds"], strict=True))
    assert {"training", "forward and gradient", "loss", TOTAL} < set(rows)
    assert 0 < rows[str(ScoreSet("curvature(probes=2)"))] < rows[TOTAL] < took
    assert sum(rows.values()) - rows["training"] == pytest.approx(2 * rows[TOTAL], abs=1e-3)


def test_costs_add_up_over_epochs_and_interruptions() -> None:
    """What was spent before an interruption counts."""
    clock = Clock(CPU)
    with clock.time("loss"):
        time.sleep(0.01)
    first = Costs(100)
    first.add({"images_per_second": 50.0}, clock)
    second = Costs(100, first.state())
    second.add({"images_per_second": 50.0}, Clock(CPU))
    metrics = second.metrics()
    assert metrics["cost_seconds/training"] == 4
    assert 0.01 <= metrics["cost_seconds/loss"] < 1
    assert metrics["cost_share/all_scoring"] == pytest.approx(
        metrics["cost_seconds/all_scoring"] / 4, abs=1e-4
    )


def test_nothing_to_measure_measures_nothing() -> None:
    """A schedule whose passes are 0 leaves every epoch to the training batches."""
    nothing = ScoringSchedule(DEAR, 0, 0)
    assert not any(len(nothing.due(epoch, 3)) for epoch in range(4))
