"""A trained network with examples to score, and what scores may differ by."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from memest.data import ImageSet
from memest.loading import Loader
from memest.scores import ScoreSet, canonical, measure

CPU = torch.device("cpu")
SEED = 5
COUNT = 35
"""Examples: 3 are left after batches of 16."""
EPSILON = float(np.finfo(np.float32).eps)


class Unobserved:
    """Sees the training batches and does nothing."""

    def see(self, logits: Tensor, labels: Tensor, ids: Tensor) -> None:
        """Nothing."""


@dataclass(frozen=True, eq=False)
class Case:
    """A trained network and 35 of the examples it was trained on."""

    network: nn.Module
    images: ImageSet
    statistics: tuple[Any, Any]
    known: dict[str, Any] = field(default_factory=dict)

    def loader(self, order: Any = slice(None)) -> Loader:
        """The examples in another order."""
        return Loader(self.images.take(np.arange(len(self.images))[order]), self.statistics, CPU)

    def measure(
        self, key: str, size: int = 32, order: Any = slice(None), ids: Any = None, micro: int = 16
    ) -> Any:
        """One score, (N,), in the order of the set's ids unless other ids are given; `micro` at a time."""
        ids = self.images.ids if ids is None else ids
        batches = self.loader(order).batches(size)
        return measure(self.network, batches, ids, ScoreSet(key), CPU, SEED, batch_size=micro)[canonical(key)]

    def expected(self, key: str) -> Any:
        """One score as `measure` gives it, measured once for all tests."""
        if key not in self.known:
            self.known[key] = self.measure(key)
        return self.known[key]
