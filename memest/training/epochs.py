"""Training as a generator: the caller owns the loop.

    for end in train_epochs(network, [training], testing, recipe, streams, observer):
        …measure, store and track, in plain sight…

yields after every epoch, beginning with epoch 0, the untouched network.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from memest.loading import Batch, Loader
from memest.recipe import Recipe, learning_rate
from memest.seeding import Streams
from memest.training.distributed import ALONE, ProcessGroup
from memest.training.pacing import Pacing

_EVALUATION_BATCH = 512


class Observer(Protocol):
    """Is given the logits of each training batch; for example `OnlineScores`."""

    def see(self, logits: Tensor, labels: Tensor, ids: Tensor) -> None: ...


@dataclass(frozen=True)
class EpochEnd:
    """The state of training after an epoch.

    Attributes:
        epoch: 0 for the untouched network, then 1 … epochs; a second stage counts on.
        network: the network itself, not a copy.
        metrics: train/loss, train/accuracy (over the training batches, as trained on), test/loss,
            test/accuracy, weight_norm, images_per_second, learning_rate.
        state: what a checkpoint must hold to go on from here: call it to get it.
    """

    epoch: int
    network: nn.Module
    metrics: dict[str, float]
    state: Callable[[], dict[str, Any]]


def train_epochs(
    network: nn.Module,
    stages: Sequence[Loader],
    testing: Loader | None,
    recipe: Recipe,
    streams: Streams,
    observer: Observer,
    state: dict[str, Any] | None = None,
    group: ProcessGroup = ALONE,
    pacing: Pacing | None = None,
) -> Iterator[EpochEnd]:
    """Train `network` in place and yield after every epoch.

    Args:
        network: on the device of the loaders.
        stages: what to train on, for `recipe.epochs` epochs each: the network goes on, with a fresh
            optimizer and the schedule from its beginning.
        testing: what test loss and accuracy are taken on; None: they are left out.
        recipe: optimizer, schedule, augmentation and precision.
        streams: the order and augmentation of epoch t depend on the seed and t alone.
        observer: sees the logits of every training batch, before the step.
        state: that of an earlier `EpochEnd`, to go on after its epoch instead of from the beginning.
        group: the processes that train together; the observer sees this one's share of each batch.
        pacing: of a single stage; the caller may change its last epoch after any. None: that of the recipe.
    """
    network = group.synchronise_batch_norms(network.to(stages[0].device))
    if recipe.channels_last:
        network.to(memory_format=torch.channels_last)
    optimizer, step = _optimizer(network, recipe), torch.compile(_step) if recipe.compile else _step

    def end(epoch: int, metrics: dict[str, float]) -> EpochEnd:
        tested = {} if testing is None else loss_and_accuracy(network, testing, group)
        metrics |= tested | {"weight_norm": weight_norm(network)}
        return EpochEnd(epoch, network, metrics, partial(_state, epoch, network, optimizer))

    done = 0
    if state is None:
        yield end(0, {})
    else:
        network.load_state_dict(state["network"])
        optimizer.load_state_dict(state["optimizer"])
        done = state["epoch"]
    pacing = pacing or Pacing(recipe.epochs)
    while done < (len(stages) - 1) * recipe.epochs + pacing.last:
        stage, before = divmod(done, recipe.epochs)
        if stage and not before:
            optimizer = _optimizer(network, recipe)
        one_epoch, done = _Epoch(network, optimizer, recipe, pacing, group, step), done + 1
        batches = stages[stage].training_batches(recipe.batch_size, done, recipe.augmentation, streams)
        yield end(done, one_epoch.train(batches, before, len(stages[stage]), observer))


def _optimizer(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    return torch.optim.SGD(
        network.parameters(), lr=recipe.lr, momentum=recipe.momentum, weight_decay=recipe.weight_decay
    )


def _state(epoch: int, network: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    return {"epoch": epoch, "network": network.state_dict(), "optimizer": optimizer.state_dict()}


@dataclass(frozen=True)
class _Epoch:
    """One pass over a training set."""

    network: nn.Module
    optimizer: torch.optim.Optimizer
    recipe: Recipe
    pacing: Pacing
    group: ProcessGroup
    step: Callable[..., tuple[Tensor, Tensor]]

    def train(
        self, batches: Iterable[Batch], before: int, count: int, observer: Observer
    ) -> dict[str, float]:
        """Take a step on every batch; the metrics of the epoch.

        Args:
            batches: whole ones, of all processes.
            before: epochs of this stage that are done.
            count: examples in the epoch.
            observer: sees the logits of every batch, before the step.
        """
        self.network.train()
        began, seen, rate = time.perf_counter(), 0, 0.0
        totals = torch.zeros(2, device=next(self.network.parameters()).device)
        for whole in batches:
            batch = self.group.share(whole)
            rate = learning_rate(self.recipe, self.pacing.progress(before + seen / count))
            for parameters in self.optimizer.param_groups:
                parameters["lr"] = rate
            logits, losses = self.step(self.network, batch, self.recipe)
            self.optimizer.zero_grad()
            self.group.mean(losses, len(whole.labels)).backward()  # type: ignore[no-untyped-call]
            self.group.all_reduce_gradients(self.network)
            observer.see(logits.detach(), batch.labels, batch.ids)
            self.optimizer.step()
            totals += torch.stack([losses.detach().sum(), (logits.argmax(1) == batch.labels).sum()])
            seen += len(whole.labels)
        loss, correct = self.group.all_reduce(totals).tolist()
        return {
            "train/loss": loss / seen,
            "train/accuracy": correct / seen,
            "learning_rate": rate,
            "images_per_second": seen / (time.perf_counter() - began),
        }


def _step(network: nn.Module, batch: Batch, recipe: Recipe) -> tuple[Tensor, Tensor]:
    """Logits (B, K) and losses (B,) of a batch, both float32, ready for backward."""
    images = batch.images
    if recipe.channels_last:
        images = images.to(memory_format=torch.channels_last)
    with torch.autocast(images.device.type, torch.bfloat16, enabled=recipe.precision == "bf16"):
        logits = network(images)
    logits = logits.float()
    return logits, functional.cross_entropy(logits, batch.labels, reduction="none")


@torch.no_grad()
def loss_and_accuracy(network: nn.Module, testing: Loader, group: ProcessGroup = ALONE) -> dict[str, float]:
    """Mean cross-entropy in nats and accuracy on a set, in evaluation mode; the mode is put back."""
    training = network.training
    network.eval()
    totals = torch.zeros(2, device=testing.device)
    for batch in group.shares(testing.batches(_EVALUATION_BATCH)):
        logits = network(batch.images).float()
        loss = functional.cross_entropy(logits, batch.labels, reduction="sum")
        totals += torch.stack([loss, (logits.argmax(1) == batch.labels).sum()])
    network.train(training)
    loss, correct = (group.all_reduce(totals) / len(testing)).tolist()
    return {"test/loss": loss, "test/accuracy": correct}


@torch.no_grad()
def weight_norm(network: nn.Module) -> float:
    """‖w‖₂ over all parameters together."""
    squares = torch.stack([weight.float().square().sum() for weight in network.parameters()])
    return float(squares.sum().sqrt())
