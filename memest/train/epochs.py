"""Training as a generator: the caller owns the loop. Depends on torch and `data`.

    for end in train_epochs(network, [training], testing, recipe, streams, observer):
        …measure, store and track, in plain sight…

yields after every epoch, beginning with epoch 0, the untouched network.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from memest.loading import Batch, Loader
from memest.recipe import Recipe, learning_rate
from memest.seeding import Streams
from memest.train.parallel import ALONE, Team

_EVALUATION_BATCH = 512


class Observer(Protocol):
    """Whatever wants to see each training batch's logits, such as a `Recorder`."""

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
    team: Team = ALONE,
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
        team: the processes that train together; the observer sees this one's share of each batch.
    """
    network = team.prepared(network.to(stages[0].device))
    if recipe.channels_last:
        network.to(memory_format=torch.channels_last)
    optimizer = _optimizer(network, recipe)

    def snapshot(epoch: int) -> dict[str, Any]:
        return {"epoch": epoch, "network": network.state_dict(), "optimizer": optimizer.state_dict()}

    def end(epoch: int, metrics: dict[str, float]) -> EpochEnd:
        tested = {} if testing is None else evaluate(network, testing, team)
        metrics |= tested | {"weight_norm": weight_norm(network)}
        return EpochEnd(epoch, network, metrics, lambda: snapshot(epoch))

    done = 0
    if state is None:
        yield end(0, {})
    else:
        network.load_state_dict(state["network"])
        optimizer.load_state_dict(state["optimizer"])
        done = state["epoch"]
    step = torch.compile(_step) if recipe.compile else _step
    for epoch in range(done + 1, len(stages) * recipe.epochs + 1):
        stage, before = divmod(epoch - 1, recipe.epochs)
        if stage and not before:
            optimizer = _optimizer(network, recipe)
        yield end(
            epoch, _train_one(network, stages[stage], optimizer, recipe, streams, observer, epoch, step, team)
        )


def _optimizer(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    return torch.optim.SGD(
        network.parameters(), lr=recipe.lr, momentum=recipe.momentum, weight_decay=recipe.weight_decay
    )


def _train_one(
    network: nn.Module,
    training: Loader,
    optimizer: torch.optim.Optimizer,
    recipe: Recipe,
    streams: Streams,
    observer: Observer,
    epoch: int,
    step: Callable[..., tuple[Tensor, Tensor]],
    team: Team,
) -> dict[str, float]:
    network.train()
    began, seen, before = time.perf_counter(), 0, (epoch - 1) % recipe.epochs
    totals = torch.zeros(2, device=training.device)
    for whole in training.training_batches(recipe.batch_size, epoch, recipe.augmentation, streams):
        batch = team.share(whole)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(recipe, (before + seen / len(training)) / recipe.epochs)
        logits, losses = step(network, batch, recipe)
        optimizer.zero_grad()
        team.mean(losses, len(whole.labels)).backward()  # type: ignore[no-untyped-call]
        team.add_gradients(network)
        observer.see(logits.detach(), batch.labels, batch.ids)
        optimizer.step()
        totals += torch.stack([losses.detach().sum(), (logits.argmax(1) == batch.labels).sum()])
        seen += len(whole.labels)
    loss, correct = team.add(totals).tolist()
    return {
        "train/loss": loss / seen,
        "train/accuracy": correct / seen,
        "learning_rate": optimizer.param_groups[0]["lr"],
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
def evaluate(network: nn.Module, testing: Loader, team: Team = ALONE) -> dict[str, float]:
    """Mean cross-entropy in nats and accuracy on a set, in evaluation mode; the mode is put back."""
    training = network.training
    network.eval()
    totals = torch.zeros(2, device=testing.device)
    for batch in team.shares(testing.batches(_EVALUATION_BATCH)):
        logits = network(batch.images).float()
        loss = functional.cross_entropy(logits, batch.labels, reduction="sum")
        totals += torch.stack([loss, (logits.argmax(1) == batch.labels).sum()])
    network.train(training)
    loss, correct = (team.add(totals) / len(testing)).tolist()
    return {"test/loss": loss, "test/accuracy": correct}


@torch.no_grad()
def weight_norm(network: nn.Module) -> float:
    """‖w‖₂ over all parameters together."""
    squares = torch.stack([weight.float().square().sum() for weight in network.parameters()])
    return float(squares.sum().sqrt())
