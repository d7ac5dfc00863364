"""The epochs of a run, each trained and measured, until the last or until its stopping rule holds.

The caller owns the loop. Every process that trains the run decides by the same values, and so stops after the
same epoch. Under torchrun rank 0 leads: it stores and tracks; the others follow, and compute their share.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import nn

from memest.runs.config import TrainConfig
from memest.runs.in_time import InTime
from memest.runs.loaded import Loaded
from memest.runs.prepare import Prepared, StoppingRule, prepare
from memest.runs.stopping import STATE, STOPPED
from memest.scores import Clock, OnlineScores, Unseen
from memest.scores.engine.gather import Values
from memest.training import ALONE, Pacing, ProcessGroup, checkpoint, train_epochs


@dataclass(frozen=True)
class MeasuredEpoch:
    """What one epoch came to.

    Attributes:
        epoch: 0 for the untouched network, then 1 …; a second stage counts on.
        metrics: of its training, as `EpochEnd` has them.
        scores: (N,) float32 by key: those due at this epoch, and `seen/…`.
        clock: started when training ended; holds what each score cost.
        state: what it takes to go on from here: call it to get it.
        stopped: why it is the last epoch before all were trained, in words; empty if it is not.
    """

    epoch: int
    metrics: dict[str, float]
    scores: dict[str, Values]
    clock: Clock
    state: Callable[[], dict[str, Any]]
    stopped: str = ""


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
    recipe, rule = config.recipe, prepared.stopping(state)
    pacing = rule.pacing if isinstance(rule, InTime) else None
    if state and rule and rule.reason:
        pacing = Pacing(state["epoch"])  # its last: nothing is trained, the network is put to where it was
    stages, testing = loaded.stages, loaded.testing
    for end in train_epochs(network, stages, testing, recipe, streams, online, state, group, pacing):
        clock = Clock(prepared.device)
        seen, metrics = online.take(group.reduction), end.metrics
        if rule is not None:
            metrics = metrics | rule.add(end.epoch, seen)
        # The rule comes before the measuring: where it ends the run is the last epoch, at which all are due.
        last = end.epoch if rule and rule.reason else prepared.epochs
        due, probes = config.schedule.due(end.epoch, last), streams.seed("probes", end.epoch)
        measured = loaded.scorer.measure(end.network, due, probes, clock) | seen
        if rule is None:
            yield MeasuredEpoch(end.epoch, metrics, measured, clock, end.state)
            continue
        going_on = partial(_with_rule, end.state, rule)
        yield MeasuredEpoch(end.epoch, metrics, measured, clock, going_on, rule.reason)
        if rule.reason:
            return


def _with_rule(state: Callable[[], dict[str, Any]], rule: StoppingRule) -> dict[str, Any]:
    """The state of training, with what the stopping rule remembers."""
    return state() | {STATE: rule.state()}


@dataclass(frozen=True)
class Ending:
    """How far a run goes.

    Attributes:
        config: of the run.
        last: its last epoch, as far as is known.
        stopped: why it is the last before all were trained, in words; empty if it is not.
    """

    config: TrainConfig
    last: int
    stopped: str = ""

    @classmethod
    def of(cls, prepared: Prepared, state: dict[str, Any] | None) -> Ending:
        """That of a run that begins, or that goes on from a state."""
        rule = prepared.stopping(state)
        if state and rule and rule.reason:
            return cls(prepared.config, state["epoch"], rule.reason)
        return cls(prepared.config, prepared.epochs)

    def after(self, end: MeasuredEpoch) -> Ending:
        """What is known after an epoch."""
        return Ending(self.config, end.epoch, end.stopped) if end.stopped else self

    def keeps(self, epoch: int) -> bool:
        """Whether the network of `epoch` is kept."""
        return self.config.keeps(epoch, self.last)

    def files(self) -> dict[str, bytes]:
        """The file in which a run keeps why it stopped, by name; none where it did not."""
        content = {"epoch": self.last, "epochs": self.config.recipe.epochs, "why": self.stopped}
        return {STOPPED: json.dumps(content).encode()} if self.stopped else {}

    def tags(self) -> dict[str, str]:
        """The tags of a run that stopped early; none where it did not."""
        return {"stopped": self.stopped} if self.stopped else {}


def lead(group: ProcessGroup, config: TrainConfig, state: dict[str, Any] | None) -> None:
    """Broadcast what the other ranks are to train, and the state to go on from."""
    if group.size > 1:
        group.broadcast((config, checkpoint.pack(state) if state else None))


def follow(group: ProcessGroup) -> None:
    """Train and score this rank's share of what rank 0 leads; return when it has nothing (more) to do."""
    message = group.broadcast()
    if message is None:
        return
    config, packed = message
    prepared = prepare(config, group.size)
    with prepared.computing():
        state = checkpoint.unpack(packed, prepared.device) if packed else None
        for _ in measured_epochs(prepared, prepared.load(group), prepared.network(), state, group):
            pass
    group.broadcast()  # rank 0 has stored everything
