"""The epochs of a run, each trained and measured; the caller owns the loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from torch import nn

from memest.runs.loaded import Loaded
from memest.runs.prepare import Prepared
from memest.scores import Clock, OnlineScores, Unseen
from memest.scores.engine.gather import Values
from memest.train import ALONE, ProcessGroup, train_epochs


@dataclass(frozen=True)
class MeasuredEpoch:
    """What one epoch came to.

    Attributes:
        epoch: 0 for the untouched network, then 1 …; a second stage counts on.
        metrics: of its training, as `EpochEnd` has them.
        scores: (N,) float32 by key: those due at this epoch, and `seen/…`.
        clock: started when training ended; holds what each score cost.
        state: what it takes to go on from here: call it to get it.
    """

    epoch: int
    metrics: dict[str, float]
    scores: dict[str, Values]
    clock: Clock
    state: Callable[[], dict[str, Any]]


def measured_epochs(
    prepared: Prepared,
    loaded: Loaded,
    network: nn.Module,
    state: dict[str, Any] | None = None,
    group: ProcessGroup = ALONE,
) -> Iterator[MeasuredEpoch]:
    """Train a network in place, and measure it after every epoch.

    Args:
        prepared: the run.
        loaded: its examples.
        network: to train.
        state: that of an earlier epoch, to go on after it instead of from the beginning.
        group: the processes that do this together; the results are whole on each of them.
    """
    config, streams, scores = prepared.config, prepared.streams, prepared.scores
    plain = prepared.part.plain
    online = OnlineScores(prepared.observed.ids, str(scores.free), prepared.device) if plain else Unseen()
    recipe = config.recipe
    for end in train_epochs(network, loaded.stages, loaded.testing, recipe, streams, online, state, group):
        clock = Clock(prepared.device)
        due, probes = config.schedule.due(end.epoch, prepared.epochs), streams.seed("probes", end.epoch)
        measured = loaded.scorer.measure(end.network, due, probes, clock) | online.take(group.reduction)
        yield MeasuredEpoch(end.epoch, end.metrics, measured, clock, end.state)
