"""What an audit trains within a budget of time: which network, how many epochs and folds.

This machine is measured first: a few steps and a pass of each network that may be chosen, from the cheapest
on. What is chosen are ordinary settings of the runs, remembered for the same command.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from statistics import fmean
from typing import TypeVar

import numpy as np
import torch

from memest.errors import SettingError
from memest.grammar.duration import spelled
from memest.loading import Loader
from memest.runs.prepare import Prepared
from memest.scores import Unseen
from memest.training import loss_and_accuracy, train_epochs

T = TypeVar("T")
NETWORKS = ("tiny", "resnet18(width=8)", "resnet18(width=16)", "resnet18(width=32)")
"""Those that may be chosen, from the cheapest on."""
FOLDS, MOST_FOLDS = 3, 5
ENOUGH, MOST = 10, 20
"""Epochs from which a larger network finds more than the smaller one, and after which more find no more."""
_USED = 0.8
"""Share of the budget that is planned, decoding and measuring counted: measured speed is an estimate."""
_STEPS = 12
"""Of training, that are measured: half of them warm up."""
_MEASURING, _MEASURING_FIRST = 0.02, 0.1
"""Share of the time left that measuring a network may take; that of the cheapest, on which all depends."""
_HOPELESS = 5
"""How many times as long the first step may take."""
_FORWARD = 0.2
"""Of the time of a training step, that predicting its images takes, in larger batches."""
PASSES = 2
"""Over all images, besides training: each network predicts what it left out, and the first gives features."""


@dataclass(frozen=True)
class Price:
    """What a network costs on this machine.

    Attributes:
        epoch: seconds of an epoch over all images.
        one_pass: seconds of predicting all images.
    """

    epoch: float
    one_pass: float = 0.0

    @property
    def besides(self) -> float:
        """Seconds that an audit takes with it besides its epochs."""
        return PASSES * self.one_pass


@dataclass(frozen=True)
class AuditPlan:
    """What an audit trains.

    Attributes:
        model: network spec.
        epochs: of each network.
        folds: how many networks.
        seconds: that training will take, as measured on this machine; 0 where nothing was measured.
        besides: seconds that the passes over all images will take, `PASSES` of them.
    """

    model: str
    epochs: int
    folds: int
    seconds: float = 0.0
    besides: float = 0.0

    def to_json(self) -> bytes:
        """JSON bytes that `from_json` reads."""
        return json.dumps(asdict(self), indent=1).encode()

    @classmethod
    def from_json(cls, content: bytes) -> AuditPlan:
        """The plan in `content`.

        Raises:
            TypeError, ValueError: it is none.
        """
        return cls(**json.loads(content))

    def words(self) -> dict[str, str]:
        """What was chosen, as words by name."""
        return {"network": self.model, "epochs": str(self.epochs), "folds": str(self.folds)}

    def text(self) -> str:
        """The plan in one line."""
        about = f", about {spelled(max(1.0, round(self.seconds)))} of training" if self.seconds else ""
        return f"{self.folds} networks ({self.model}), {self.epochs} epochs each{about}"

    def again(self) -> str:
        """What chooses the same where all epochs were trained."""
        return f"the same again: --model '{self.model}' --epochs {self.epochs} --folds {self.folds}"


@dataclass(frozen=True)
class Asked:
    """What the user decided; 0 and empty: to be chosen."""

    model: str = ""
    epochs: int = 0
    folds: int = 0

    @property
    def decided(self) -> bool:
        """Whether nothing is left to choose."""
        return bool(self.model and self.epochs and self.folds)


def choose_plan(
    asked: Asked,
    most_folds: int,
    budget: float,
    priced: Callable[[str, float], Price],
    spent: Callable[[], float] = lambda: 0.0,
) -> AuditPlan:
    """The best plan that fits into a budget: the largest network first, then epochs, then folds.

    Args:
        asked: what is decided already.
        most_folds: that the smallest class allows.
        budget: seconds.
        priced: what a network costs, measured when it is asked for, and within about so many seconds.
        spent: seconds of the budget that are gone; where hardly any are left, the least is planned.

    Raises:
        SettingError: it is too short for one epoch of the cheapest.
    """
    usable, prices = budget * _USED, dict[str, Price]()
    for model in (asked.model,) if asked.model else NETWORKS:
        share = _MEASURING if prices else _MEASURING_FIRST
        price = prices[model] = priced(model, share * max(0.0, usable - spent()))
        if price.epoch * ENOUGH * (FOLDS - 1) + price.besides > usable - spent():  # a larger one is dearer
            break
    left = usable - spent()
    for plan in _preferred(asked, most_folds, left, prices):
        if plan.epochs and plan.seconds + plan.besides <= left:
            return plan
    model, price = next(iter(prices.items()))
    epochs, folds = asked.epochs or 1, asked.folds or 2
    least = AuditPlan(model, epochs, folds, epochs * price.epoch * (folds - 1), price.besides)
    if least.seconds + least.besides <= usable:
        return least
    enough = math.ceil((least.seconds + least.besides) / _USED)
    raise SettingError(
        f"--budget {spelled(budget)} is too short to train {model} for {epochs} epochs on "
        f"{folds} folds: --budget {spelled(enough)} would do, or --limit"
    )


def _preferred(asked: Asked, most_folds: int, usable: float, prices: dict[str, Price]) -> Iterator[AuditPlan]:
    """Plans, the best first; some do not fit."""

    def plan(model: str, folds: int, least: int) -> AuditPlan:
        folds = asked.folds or min(folds, most_folds)
        besides, price = prices[model].besides, prices[model].epoch * (folds - 1)
        epochs = asked.epochs or min(MOST, int((usable - besides) / price))
        fitting = epochs if epochs >= (asked.epochs or least) else 0
        return AuditPlan(model, fitting, folds, epochs * price, besides)

    for model in reversed(prices):
        yield plan(model, MOST_FOLDS, MOST)
        yield plan(model, FOLDS, ENOUGH)
    cheapest = next(iter(prices))
    yield plan(cheapest, 2, 1)


def measured_price(prepared: Prepared, most: float) -> Price:
    """What a network costs here, from a few steps and a pass on a copy; nothing of the run is touched.

    Args:
        prepared: the run.
        most: seconds after which no further step is taken, and the pass is guessed from the steps.
    """
    recipe, images = replace(prepared.config.recipe, epochs=_STEPS), prepared.images
    count = recipe.batch_size
    few, batch = (
        Loader(taken, taken.statistics(), prepared.device)
        for taken in (images.take(np.arange(min(len(images), n))) for n in (_STEPS // 2 * count, count))
    )
    with torch.random.fork_rng(devices=[]), prepared.computing():
        ends = train_epochs(prepared.network(), [batch], None, recipe, prepared.streams, Unseen())
        network = next(ends).network
        took = [1 / end.metrics["images_per_second"] for end in while_cheap(ends, most)]
        epoch = len(images) * fmean(took[len(took) // 2 :])
        if len(took) < _STEPS:
            return Price(epoch, epoch * _FORWARD)
        began = time.perf_counter()
        loss_and_accuracy(network, few)
        return Price(epoch, (time.perf_counter() - began) * len(images) / len(few))


def while_cheap(
    steps: Iterable[T], most: float, clock: Callable[[], float] = time.perf_counter
) -> Iterator[T]:
    """The steps until they have taken so many seconds: two at least, as the first may take longer.

    One alone where it took so long that another tells nothing.
    """
    began = clock()
    for number, step in enumerate(steps, start=1):
        yield step
        took = clock() - began
        if took > most and (number > 1 or took > _HOPELESS * most):
            return
