"""Batches of a scoring pass in one fixed size, so that how examples come together changes no value.

A device may choose another kernel for another batch size, and kernels round differently. Where rounding
carries the input of a rectifier across zero, or another value of a pool to the top, the gradient jumps, and
the curvature of an example differs by several percent. With one size every example goes through the same
kernels, whatever the batches it came in and its place in them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from memest.errors import MemoryFullError
from memest.scores.engine.gather import Rows


class ExampleBatch(Protocol):
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
    """Cuts and joins batches to one size; the last one is filled up with copies of its own examples.

    Where memory runs out the size is halved for the rest of the pass; values are then those of that size.

    Args:
        score: the columns of a batch, by key; may run out of memory.
        rows: where they go.
        size: examples in every batch that is scored.
    """

    def __init__(self, score: Callable[[ExampleBatch], dict[str, Tensor]], rows: Rows, size: int) -> None:
        self._score, self._rows, self._size = score, rows, size
        self._waiting: ExampleBatch | None = None

    def put(self, batch: ExampleBatch) -> None:
        """Score a batch as far as it fills whole micro-batches; the rest waits for the next.

        Raises:
            MemoryFullError: a single example does not fit.
        """
        waiting = batch if self._waiting is None else _joined(self._waiting, batch)
        count, size = len(waiting.ids), self._size
        whole = count // size * size
        for start in range(0, whole, size):
            self._run(_cut(waiting, start, start + size))
        self._waiting = _cut(waiting, whole, count) if whole < count else None

    def finish(self) -> None:
        """Score the examples that wait.

        Raises:
            MemoryFullError: a single example does not fit.
        """
        if self._waiting is not None:
            self._run(self._waiting)
            self._waiting = None

    def _run(self, batch: ExampleBatch) -> None:
        count, size = len(batch.ids), self._size
        if count > size:
            for start in range(0, count, size):
                self._run(_cut(batch, start, min(start + size, count)))
            return
        try:
            columns = self._score(_filled(batch, size))
        except RuntimeError as error:
            if not run_out_of_memory(error):
                raise
            if size == 1:
                raise MemoryFullError(
                    "memory ran out while scoring a single example; use a smaller network, fewer classes, or "
                    "a machine with more memory"
                ) from error
            self._size = size // 2
        else:
            self._rows.put(batch.ids, {key: values[:count] for key, values in columns.items()})
            return
        torch.cuda.empty_cache()
        self._run(batch)


@dataclass(frozen=True)
class _Micro:
    images: Tensor
    labels: Tensor
    ids: Tensor


def _cut(batch: ExampleBatch, start: int, stop: int) -> ExampleBatch:
    chosen = slice(start, stop)
    return _Micro(batch.images[chosen], batch.labels[chosen], batch.ids[chosen])


def _joined(one: ExampleBatch, other: ExampleBatch) -> ExampleBatch:
    return _Micro(
        torch.cat([one.images, other.images]),
        torch.cat([one.labels, other.labels]),
        torch.cat([one.ids, other.ids]),
    )


def _filled(batch: ExampleBatch, size: int) -> ExampleBatch:
    count = len(batch.ids)
    if count == size:
        return batch
    repeated = torch.arange(size, device=batch.images.device) % count
    ids = batch.ids[repeated.to(batch.ids.device)]
    return _Micro(batch.images[repeated], batch.labels[repeated], ids)
