"""Batches of a scoring pass that adapt to the memory there is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from memest.errors import MemoryFullError
from memest.scores.engine.gather import Rows


class Examples(Protocol):
    """Some examples of a pass: images (B, C, H, W), labels (B,), ids (B,)."""

    @property
    def images(self) -> Tensor: ...
    @property
    def labels(self) -> Tensor: ...
    @property
    def ids(self) -> Tensor: ...


def run_out_of_memory(error: RuntimeError) -> bool:
    """Whether torch failed to allocate: a class of its own on a GPU, only a message on a CPU."""
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)


class MicroBatches:
    """Batches cut to what fits: halved when memory runs out, and kept small for the rest of the pass.

    Args:
        score: the columns of a batch, by key; may run out of memory.
        rows: where they go.
    """

    def __init__(self, score: Callable[[Examples], dict[str, Tensor]], rows: Rows) -> None:
        self._score, self._rows = score, rows
        self._most: int | None = None

    def put(self, batch: Examples) -> None:
        """Score one batch.

        Raises:
            MemoryFullError: a single example does not fit.
        """
        size, most = len(batch.ids), self._most
        if most is not None and size > most:
            for start in range(0, size, most):
                self.put(_cut(batch, start, start + most))
            return
        try:
            columns = self._score(batch)
        except RuntimeError as error:
            if not run_out_of_memory(error):
                raise
            if size == 1:
                raise MemoryFullError(
                    "memory ran out while scoring a single example; use a smaller network, fewer classes, or "
                    "a machine with more memory"
                ) from error
            self._most = size // 2
        else:
            self._rows.put(batch.ids, columns)
            return
        torch.cuda.empty_cache()
        self.put(batch)


@dataclass(frozen=True)
class _Cut:
    images: Tensor
    labels: Tensor
    ids: Tensor


def _cut(batch: Examples, start: int, stop: int) -> Examples:
    chosen = slice(start, stop)
    return _Cut(batch.images[chosen], batch.labels[chosen], batch.ids[chosen])
