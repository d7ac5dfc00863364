"""Which epochs get which scores, asked for or chosen to keep within a budget. Depends on everything below.

A budget is a share of the time that training takes. What training and each score cost is measured first,
on a copy of the network and a few hundred images; then the settings that fit are chosen, once, and kept
with the run. They are ordinary settings: giving them instead of the budget makes the same run anywhere.
"""

from __future__ import annotations

import copy
import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from memest.data import ImageSet, Loader
from memest.record import Recorder
from memest.scores import SCORES, Clock, ScoreSet, measure
from memest.seeding import Streams
from memest.spec import Spec
from memest.stages.common import SCORING_BATCH
from memest.stages.cost import REST
from memest.store.blobs import Blobs
from memest.train import EPOCHS, Recipe, train_epochs

if TYPE_CHECKING:
    from memest.stages.train import TrainConfig

NAME = "plan.json"
MARGIN = 0.9
"""Share of the budget that is planned for: measured costs are estimates."""
FEWEST = 5
"""Epochs of gradient scores below which probes are given up for epochs."""
_SAMPLE, _ROUNDS = 512, 3


@dataclass(frozen=True)
class Plan:
    """When scores are measured: a clean pass at every k-th epoch and the last; 0: never.

    Attributes:
        scores: what to measure, as text in the grammar.
        score_every: k of the scores from logits.
        gradient_every: k of those from input gradients; logits come with them.
    """

    scores: str
    score_every: int = 1
    gradient_every: int = 1

    def due(self, epoch: int, epochs: int) -> ScoreSet:
        """The scores of one epoch."""
        scores = ScoreSet(self.scores)
        if scores.of("input") and is_due(self.gradient_every, epoch, epochs):
            return scores
        return scores.of("logits") if is_due(self.score_every, epoch, epochs) else ScoreSet("")


@dataclass(frozen=True)
class Prices:
    """Seconds: of a training epoch, of a pass for logit scores, of one for all scores, and of each probe."""

    training: float
    logits: float
    gradients: float
    probes: dict[str, float]


def is_due(every: int, epoch: int, epochs: int) -> bool:
    """Whether something done at every k-th epoch and the last is done at this one; never for k = 0."""
    return every > 0 and EPOCHS["every"](epoch, epochs, k=every)


def planned(
    config: TrainConfig,
    network: nn.Module,
    images: ImageSet,
    device: torch.device,
    streams: Streams,
    blobs: Blobs,
) -> Plan:
    """The plan that was asked for; or, with a budget, the one this run chose before, or chooses now.

    What was chosen, and the prices it was chosen by, are kept as `plan.json` of the run.
    """
    asked = Plan(config.scores, config.score_every, config.gradient_every)
    if config.max_overhead is None:
        return asked
    if NAME in blobs.names(""):
        return Plan(**json.loads(blobs.get(NAME))["chosen"])
    prices = price(network, images, device, config.recipe, streams, ScoreSet(config.scores))
    chosen = choose(asked, prices, config.recipe.epochs, config.max_overhead)
    record = {"max_overhead": config.max_overhead, "chosen": asdict(chosen), "seconds": asdict(prices)}
    blobs.put(NAME, json.dumps(record, indent=1).encode())
    return chosen


def plan_text(blobs: Blobs) -> str:
    """What a run with a budget chose, for a terminal; nothing for a run without one."""
    if NAME not in blobs.names(""):
        return ""
    record = json.loads(blobs.get(NAME))
    plan = Plan(**record["chosen"])
    gradients = ScoreSet(plan.scores).of("input")
    lines = [
        f"to keep scoring within {record['max_overhead']:.0%} of training:",
        _when("scores from logits", plan.score_every),
        *([_when(str(gradients), plan.gradient_every)] if gradients else []),
    ]
    return "\n  ".join(lines) + "\n\n"


def _when(what: str, every: int) -> str:
    return f"{what}: {f'every {every} epochs and the last' if every else 'never'}"


def choose(asked: Plan, prices: Prices, epochs: int, share: float) -> Plan:
    """The plan that measures most within `share` of the training time; never more than was asked.

    Half of the budget goes to clean passes for logit scores, as many as fit; what is left goes to gradient
    scores. Where fewer than five epochs of these fit, probes are halved down to one, since an average over
    epochs is worth more than one over probes. Gradient scores that do not fit at all leave the whole budget
    to the logits; and if these do not fit either, CSL from the training batches is there all the same.
    """
    budget = MARGIN * share * prices.training * epochs
    wants_gradients = bool(ScoreSet(asked.scores).of("input"))
    without = replace(asked, score_every=_rarest(asked.score_every, epochs, prices.logits, budget))
    if not wants_gradients:
        return without
    score_every = _rarest(asked.score_every, epochs, prices.logits, budget / 2)
    left = budget - _times(score_every, epochs) * prices.logits
    scores, gradients, probes = asked.scores, prices.gradients, prices.probes
    while left / gradients < min(FEWEST, epochs + 1) and any(_probes(key) > 1 for key in probes):
        fewer = {key: _halved(key) for key in probes}
        gradients -= sum(probes[key] * (_probes(key) - _probes(fewer[key])) for key in probes)
        scores = ", ".join(fewer.get(key, key) for key in ScoreSet(scores).keys)
        probes = {fewer[key]: seconds for key, seconds in probes.items()}
    every = _rarest(asked.gradient_every, epochs, gradients, left)
    return Plan(scores, score_every, every) if every else replace(without, gradient_every=0)


def _rarest(asked: int, epochs: int, seconds: float, budget: float) -> int:
    """The smallest k, at least that asked for, whose epochs fit at `seconds` each; 0 if none does."""
    every = range(asked, max(asked, epochs) + 1)
    return next((k for k in every if _times(k, epochs) * seconds <= budget), 0)


def _times(every: int, epochs: int) -> int:
    """How many of the epochs 0 … `epochs` are due."""
    return epochs // every + 1 + (epochs % every > 0) if every else 0


def _probes(key: str) -> int:
    return int(Spec.parse(key).settings["probes"])


def _halved(key: str) -> str:
    spec = Spec.parse(key)
    fewer = spec.settings | {"probes": max(1, _probes(key) // 2)}
    return str(SCORES.parse(Spec(spec.name, tuple(fewer.items()))))


def price(
    network: nn.Module,
    images: ImageSet,
    device: torch.device,
    recipe: Recipe,
    streams: Streams,
    scores: ScoreSet,
) -> Prices:
    """What an epoch of training and a pass of each kind take, scaled up from a sample of the images.

    A copy of the network is trained and scored, so that the run itself is not touched; the first round
    warms up and is not counted, of the others the median counts.
    """
    few = images.take(np.arange(min(len(images), _SAMPLE)))
    sample = Loader(few, images.statistics(), device)
    scale = len(images) / len(few)
    recorder = Recorder(few.ids, str(scores.of("logits")), device)
    short = replace(recipe, epochs=_ROUNDS + 1)
    trained, logits, everything = [], [], []
    with torch.random.fork_rng(devices=[]):
        for end in train_epochs(copy.deepcopy(network), sample, sample, short, streams, recorder):
            recorder.take()
            if end.epoch:
                trained.append(1 / end.metrics["images_per_second"])
                logits.append(_pass(end.network, sample, scores.of("logits")))
                everything.append(_pass(end.network, sample, scores))
    own = _median(everything)
    return Prices(
        training=len(images) * float(np.median(trained[1:])),
        logits=_whole(_median(logits), scale),
        gradients=_whole(own, scale),
        probes={
            key: scale * own[key] / _probes(key)
            for key in scores.keys
            if "probes" in Spec.parse(key).settings
        },
    )


def _pass(network: nn.Module, sample: Loader, scores: ScoreSet) -> dict[str, float]:
    """Seconds by what they were spent on; what does not grow with the images is under `REST`."""
    clock = Clock(sample.device)
    measure(network, sample.batches(SCORING_BATCH), sample.ids, scores, sample.device, 0, clock)
    named = clock.seconds()
    return named | {REST: clock.total() - sum(named.values())}


def _median(rounds: list[dict[str, float]]) -> dict[str, float]:
    """By name, over all rounds but the first."""
    return {name: float(np.median([seconds[name] for seconds in rounds[1:]])) for name in rounds[0]}


def _whole(seconds: dict[str, float], scale: float) -> float:
    return seconds[REST] + scale * (sum(seconds.values()) - seconds[REST])
