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

from memest.config import build
from memest.errors import SettingError
from memest.scores import Clock, ScoreSet
from memest.stages import train
from memest.stages.budget import Plan, Prices, choose
from memest.stages.cost import TOTAL, Costs
from memest.store import SheetReader

DEAR = str(ScoreSet("logits, input_gradient, curvature(probes=8)"))
CURVATURE = ScoreSet("curvature(probes=8)").keys[0]
CPU = torch.device("cpu")


def prices(training: float, forward: float, backward: float, probe: float) -> Prices:
    """As measured: a pass with gradients costs what its parts cost."""
    return Prices(training, forward, forward + backward + 8 * probe, {CURVATURE: probe})


def cost(plan: Plan, given: Prices, epochs: int) -> float:
    """Seconds that a plan takes, added up epoch by epoch."""
    fewer = 0
    for spec in ScoreSet(plan.scores).specs:
        fewer += 8 - spec.settings["probes"] if spec.name == "curvature" else 0
    gradients = given.gradients - fewer * given.probes[CURVATURE]
    due = [plan.due(epoch, epochs) for epoch in range(epochs + 1)]
    return sum(gradients if scores.of("input") else given.logits if len(scores) else 0 for scores in due)


seconds = st.floats(0.01, 10)


@given(seconds, seconds, seconds, seconds, st.integers(1, 60), st.floats(0.01, 1))
def test_what_is_chosen_keeps_the_budget(
    training: float, forward: float, backward: float, probe: float, epochs: int, share: float
) -> None:
    """Whatever things cost, the chosen epochs and probes keep the share, never more than asked."""
    given_prices = prices(training, forward, backward, probe)
    asked = Plan(DEAR, 1, 2)
    chosen = choose(asked, given_prices, epochs, share)
    assert cost(chosen, given_prices, epochs) <= share * training * epochs
    assert chosen.score_every == 0 or chosen.score_every >= asked.score_every
    assert chosen.gradient_every == 0 or chosen.gradient_every >= asked.gradient_every
    assert ScoreSet(chosen.scores).keys[:-1] == ScoreSet(DEAR).keys[:-1]


def test_a_budget_that_allows_everything_changes_nothing() -> None:
    """Cheap scores in long training are measured as asked."""
    asked = Plan(DEAR, 1, 1)
    assert choose(asked, prices(100, 0.1, 0.1, 0.1), 20, 0.5) == asked


def test_probes_are_given_up_before_epochs() -> None:
    """Where fewer than five epochs of gradients would fit, probes are halved until they do."""
    chosen = choose(Plan(DEAR, 1, 1), prices(1, 0.01, 0.01, 0.2), 20, 0.2)
    assert "probes=2" in chosen.scores
    assert sum(bool(chosen.due(epoch, 20).of("input")) for epoch in range(21)) >= 5


@pytest.mark.parametrize("share", [0, -0.1, 1.01, "much"])
def test_a_share_outside_0_to_1_is_refused_before_training(share: Any) -> None:
    """(0, 1] is what a budget can be."""
    with pytest.raises(SettingError, match="max-overhead"):
        build(train.TrainConfig, {"max_overhead": share})


def test_a_run_within_a_budget_is_the_run_of_its_chosen_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """plan.json holds ordinary settings: giving them makes the same blocks without a budget."""
    short = {"epochs": 4, "limit": 300, "tracking": "off", "gradient_every": 2}
    config = build(train.TrainConfig, short | {"scores": DEAR, "max_overhead": 0.9})
    blobs = train.train(config).run.blobs
    chosen = Plan(**json.loads(blobs.get("plan.json"))["chosen"])
    monkeypatch.setenv("MEMEST_HOME", "again")
    settings = {name: getattr(chosen, name) for name in ("scores", "score_every", "gradient_every")}
    again = train.train(build(train.TrainConfig, short | settings)).run.blobs
    names = [name for name in blobs.names("sheet") if "block" in name]
    assert names
    assert [blobs.get(name) for name in names] == [again.get(name) for name in names]


def test_scores_are_measured_at_the_epochs_that_were_asked_for() -> None:
    """Logit scores at every third epoch, gradients at every fourth (logits come along), and the last."""
    settings = {"epochs": 5, "limit": 300, "tracking": "off", "scores": "loss, input_gradient"}
    config = build(train.TrainConfig, settings | {"score_every": 3, "gradient_every": 4})
    sheet = SheetReader.open(train.train(config).run.blobs)
    assert sheet.trace("loss")[0].tolist() == [0, 3, 4, 5]
    assert sheet.trace("input_gradient(norm=2)")[0].tolist() == [0, 4, 5]
    assert sheet.trace("seen/loss")[0].tolist() == [1, 2, 3, 4, 5]


def test_a_run_reports_what_each_score_cost() -> None:
    """tables/cost has a row for training, for what scores share, for each score, and for all of it."""
    settings = {"epochs": 2, "limit": 300, "tracking": "off", "scores": "loss, curvature(probes=2)"}
    began = time.perf_counter()
    run = train.train(build(train.TrainConfig, settings)).run
    took = time.perf_counter() - began
    table = json.loads(run.blobs.get("tables/cost.json"))
    spent = dict(zip(table["what"], table["seconds"], strict=True))
    assert {"training", "forward and gradient", "loss", TOTAL} < set(spent)
    assert 0 < spent[str(ScoreSet("curvature(probes=2)"))] < spent[TOTAL] < took
    assert sum(spent.values()) - spent["training"] == pytest.approx(2 * spent[TOTAL], abs=1e-3)


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
    assert second.share() == pytest.approx(metrics["cost_share/all_scoring"], abs=1e-4)


def test_nothing_to_measure_measures_nothing() -> None:
    """A plan whose passes are 0 leaves every epoch to the training batches."""
    nothing = replace(Plan(DEAR), score_every=0, gradient_every=0)
    assert not any(len(nothing.due(epoch, 3)) for epoch in range(4))
