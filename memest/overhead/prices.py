"""What training and scores cost on this machine, measured on a copy of the network and a sample of images."""

from __future__ import annotations

import copy
import time
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import nn

from memest.data import ImageSet
from memest.grammar.spec import Spec
from memest.loading import Loader
from memest.scores import Clock, OnlineScores, Scorer, ScoreSet
from memest.seeding import Streams
from memest.training import Recipe, train_epochs

_SAMPLE, _ROUNDS = 512, 3


@dataclass(frozen=True)
class Prices:
    """Seconds.

    Attributes:
        training: an epoch of training.
        idle: what the free scores take at the end of an epoch.
        logits: a pass for every score from logits that was asked for.
        gradients: a pass for all scores, without any probe.
        probes: by score that has probes, one of them, written with `probes=1`.
    """

    training: float
    idle: float
    logits: float
    gradients: float
    probes: dict[str, float] = field(default_factory=dict)

    def of(self, scores: ScoreSet) -> float:
        """A pass for these."""
        if not scores.of("input"):
            return self.logits if len(scores) else 0.0
        dear = [spec for spec in scores.specs if "probes" in spec.settings]
        return self.gradients + sum(
            self.probes[_single(spec)] * int(spec.settings["probes"]) for spec in dear
        )


def measured_prices(
    network: nn.Module,
    images: ImageSet,
    device: torch.device,
    recipe: Recipe,
    streams: Streams,
    scores: ScoreSet,
) -> Prices:
    """Prices for all images, scaled up from a sample.

    A copy of the network is trained and scored, so that the run itself is not touched; the first round
    warms up and is not counted, of the others the median counts.
    """
    few = images.take(np.arange(min(len(images), _SAMPLE)))
    sample, scale = Loader(few, images.statistics(), device), len(images) / len(few)
    recorder = OnlineScores(few.ids, str(scores.free), device)
    rounds = []
    with torch.random.fork_rng(devices=[]):
        ours, short = copy.deepcopy(network), replace(recipe, epochs=_ROUNDS + 1)
        for end in train_epochs(ours, [sample], sample, short, streams, recorder):
            began = time.perf_counter()
            recorder.take()
            seconds = {"idle": time.perf_counter() - began}
            if end.epoch:
                seconds["training"] = len(few) / end.metrics["images_per_second"]
                rounds.append(seconds | _passes(end.network, sample, scores, few))
    median = {name: scale * float(np.median([one[name] for one in rounds[1:]])) for name in rounds[0]}
    dear = [spec for spec in scores.specs if "probes" in spec.settings]
    return Prices(
        training=median["training"],
        idle=median["idle"],
        logits=median["logits"],
        gradients=median["everything"] - sum(median[str(spec)] for spec in dear),
        probes={_single(spec): median[str(spec)] / spec.settings["probes"] for spec in dear},
    )


def _passes(network: nn.Module, sample: Loader, scores: ScoreSet, few: ImageSet) -> dict[str, float]:
    """Seconds of a pass for the logit scores, of one for everything, and of each score in it.

    Other labels cost what these cost, whatever they are.
    """
    scorer = Scorer(sample, dict.fromkeys(scores.labels, few.labels))
    seconds: dict[str, float] = {}
    for name, chosen in {"logits": scores.of("logits"), "everything": scores}.items():
        clock = Clock(sample.device)
        scorer.measure(network, chosen, clock=clock)
        seconds |= clock.seconds()
        seconds[name] = clock.total()
    return seconds


def _single(spec: Spec) -> str:
    return str(Spec(spec.name, tuple((spec.settings | {"probes": 1}).items())))
