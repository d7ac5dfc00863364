"""A trained network with examples to score, and what scores may differ by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from memest.data import ImageSet
from memest.loading import Loader
from memest.scores import ScoreSet, canonical, measure

CPU = torch.device("cpu")
SEED = 5
EPSILON = float(np.finfo(np.float32).eps)


class Unobserved:
    """Sees the training batches and does nothing."""

    def see(self, logits: Tensor, labels: Tensor, ids: Tensor) -> None:
        """Nothing."""


@dataclass
class Case:
    """A trained network and 67 of the examples it was trained on, so that 3 are left after batches of 16."""

    network: nn.Module
    images: ImageSet
    statistics: tuple[Any, Any]

    def loader(self, order: Any = slice(None)) -> Loader:
        """The examples in another order."""
        return Loader(self.images.take(np.arange(len(self.images))[order]), self.statistics, CPU)

    def measure(
        self, key: str, size: int = 64, order: Any = slice(None), ids: Any = None, micro: int = 16
    ) -> Any:
        """One score, (N,), in the order of the set's ids unless other ids are given; `micro` at a time."""
        ids = self.images.ids if ids is None else ids
        batches = self.loader(order).batches(size)
        return measure(self.network, batches, ids, ScoreSet(key), CPU, SEED, batch_size=micro)[canonical(key)]


def softmax(z: Any) -> Any:
    """(B, K) → (B, K) in float64."""
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def log_sum_exp(z: Any) -> Any:
    """(B, K) → (B,) in float64."""
    return z.max(1) + np.log(np.exp(z - z.max(1, keepdims=True)).sum(1))


def margin(z: Any, y: Any) -> Any:
    """The label's logit minus the largest other one, one example at a time."""
    return [row[label] - max(np.delete(row, label)) for row, label in zip(z, y, strict=True)]


def of_label(values: Any, y: Any) -> Any:
    """The column of each row's label."""
    return values[np.arange(len(y)), y]


WITNESS = {
    "loss": lambda z, y: log_sum_exp(z) - of_label(z, y),
    "correct": lambda z, y: [float(list(row).index(max(row)) == k) for row, k in zip(z, y, strict=True)],
    "confidence": lambda z, y: of_label(softmax(z), y),
    "peak": lambda z, y: softmax(z).max(1),
    "margin": margin,
    "entropy": lambda z, y: log_sum_exp(z) - (softmax(z) * z).sum(1),
    "el2n": lambda z, y: np.sqrt(((softmax(z) - np.eye(z.shape[1])[y]) ** 2).sum(1)),
}
