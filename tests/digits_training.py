"""What tests of the training loop share: a network on part of the digits, and how two of them compare."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from memest.data import corrupt, load_images
from memest.loading import Loader
from memest.models import build_model
from memest.seeding import Streams
from memest.training import (
    EpochEnd,
    Recipe,
    train_epochs,
)

CPU = torch.device("cpu")


COUNT = 129  # after batches of 32 one example is left over, and joins the batch before it


class Diary:
    """Keeps every training batch's logits, labels and ids."""

    def __init__(self) -> None:
        self.batches: list[tuple[Tensor, Tensor, Tensor]] = []

    def see(self, logits: Tensor, labels: Tensor, ids: Tensor) -> None:
        """Write one batch down."""
        self.batches.append((logits.clone(), labels.clone(), ids.clone()))

    def take(self) -> tuple[Tensor, Tensor, Tensor]:
        """The batches since the last call, end to end."""
        logits, labels, ids = zip(*self.batches, strict=True)
        self.batches = []
        return torch.cat(logits), torch.cat(labels), torch.cat(ids)


class Setting:
    """129 digits with a tenth of the labels wrong, and 50 to test on."""

    def __init__(self, seed: int = 3, corruption: int | None = None) -> None:
        split, self.streams = load_images("digits"), Streams(seed, corruption=corruption)
        self.images, _ = corrupt(
            split.train.take(np.arange(COUNT)), "symmetric_noise(rate=0.1)", self.streams
        )
        statistics = self.images.statistics()
        self.training = Loader(self.images, statistics, CPU)
        self.testing = Loader(split.test.take(np.arange(50)), statistics, CPU)

    def network(self) -> nn.Module:
        """The untouched network of this seed."""
        return build_model("tiny(width=4)", 1, 10, self.streams.seed("weights"))

    def train(
        self, recipe: Recipe, observer: Any = None, network: nn.Module | None = None, state: Any = None
    ) -> Any:
        """The generator under test."""
        return train_epochs(
            self.network() if network is None else network,
            [self.training],
            self.testing,
            recipe,
            self.streams,
            Diary() if observer is None else observer,
            state,
        )


SHORT = Recipe(epochs=4, batch_size=32)


def weights(network: nn.Module) -> dict[str, Tensor]:
    """A copy of weights and batch-norm statistics."""
    return copy.deepcopy(network.state_dict())


def equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    """Whether two networks are the same to the bit."""
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def timeless(end: EpochEnd) -> dict[str, float]:
    """The metrics that the clock does not decide."""
    return {key: value for key, value in end.metrics.items() if key != "images_per_second"}
