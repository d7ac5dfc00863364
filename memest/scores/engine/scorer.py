"""Measuring scores over a set of examples, pass after pass.

For each batch one forward serves all logit scores, against whatever labels, and one backward to the input
serves the gradient and the base point of curvature; each probe is one more forward and backward, and so is
the gradient against other labels than those given. No weight gradient is made, nothing is repeated, batch
norms are folded away, and nothing comes to the host until the pass is over.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from memest.scores.base import LocalLoss
from memest.scores.engine.gather import Reduction, Rows, Values
from memest.scores.engine.inference import folded, frozen, full_precision
from memest.scores.engine.micro_batches import ExampleBatch, MicroBatches
from memest.scores.engine.others import OtherLabels
from memest.scores.engine.timing import Clock
from memest.scores.score_set import FORWARD, GRADIENT, ScoreSet


def micro_batch_size(device: torch.device) -> int:
    """Images scored at a time: 128 on a CPU, 256 on a GPU; halved where they do not fit into memory.

    Every micro-batch is filled up to this size, so that a small one wastes little where there are few
    examples. It is part of the definition of gradients and curvature: other sizes give other bits.
    """
    return 128 if device.type == "cpu" else 256


class BatchSource(Protocol):
    """Examples to score, such as a `Loader`."""

    @property
    def ids(self) -> NDArray[np.int64]:
        """(N,): the order of the results."""
        ...

    @property
    def device(self) -> torch.device:
        """Where the batches are."""
        ...

    def batches(self, size: int) -> Iterable[ExampleBatch]:
        """Every example once, in any order."""
        ...


class Scorer:
    """Measures the same examples in every pass: evaluation mode, no augmentation.

    Args:
        examples: to score.
        others: labels other than those of the batches, (N,) each in the order of the ids, by the name that
            scores call them by: `true` for `loss(labels=true)`.
        reduction: where the batches are this process's share: sums columns over the processes.
        batch_size: examples scored at a time, whatever the batches they come in; by default
            `micro_batch_size` of the device.
    """

    def __init__(
        self,
        examples: BatchSource,
        others: Mapping[str, NDArray[np.int64]] | None = None,
        reduction: Reduction | None = None,
        batch_size: int | None = None,
    ) -> None:
        self._examples, self._reduction = examples, reduction
        self._batch_size = batch_size or micro_batch_size(examples.device)
        self._rows = Rows(examples.ids, examples.device)
        self._others = OtherLabels(self._rows, others or {}, examples.device)

    def measure(
        self, network: nn.Module, scores: ScoreSet, seed: int = 0, clock: Clock | None = None
    ) -> dict[str, Values]:
        """Every score of every example, (N,) float32 by canonical key, in the order of the ids.

        Whatever the batches that the examples come in and their order, the values have the same bits: on one
        device, with one number of threads, unless memory runs out, and but for attacks, whose batches are
        their own.

        Args:
            network: images → logits; its mode and its weights' gradients are left as they were.
            scores: what to measure.
            seed: of the probes of this pass.
            clock: gets the seconds of each score and, under `FORWARD` and `GRADIENT`, of what they share.

        Raises:
            SettingError: a score names labels that are not there.
            UnseenError: the batches do not hold each id exactly once.
            MemoryFullError: a single example does not fit; micro-batches are halved until they do.
        """
        if not len(scores):
            return {}
        self._others.require(scores.labels)
        self._rows.clear()
        with frozen(network), full_precision():
            one_pass = _Pass(
                folded(network), scores, self._others, seed, clock or Clock(self._examples.device)
            )
            micro_batches = MicroBatches(one_pass.score, self._rows, self._batch_size)
            for batch in self._examples.batches(self._batch_size):
                micro_batches.put(batch)
            micro_batches.finish()
        return self._rows.take(reduction=self._reduction)

    @torch.no_grad()
    def probabilities(self, network: nn.Module) -> NDArray[np.float32]:
        """Softmax in evaluation mode, (N, C), in the order of the batches.

        Args:
            network: images → logits; its mode is left as it was.
        """
        with frozen(network), full_precision():
            batches = self._examples.batches(self._batch_size)
            parts = [network(batch.images).float().softmax(1) for batch in batches]
        return np.asarray(torch.cat(parts).cpu().numpy())


@dataclass(frozen=True)
class _Pass:
    """One pass: a frozen network in its fast form, and what is measured with it."""

    network: nn.Module
    scores: ScoreSet
    others: OtherLabels
    seed: int
    clock: Clock

    def score(self, batch: ExampleBatch) -> dict[str, Tensor]:
        """Every score of a batch, (B,) by key."""
        images, others = batch.images.to(memory_format=torch.channels_last), self.others.of(batch.ids)
        if self.scores.of("input"):
            with self.clock.time(GRADIENT):
                local = LocalLoss(self.network, images, batch.labels, batch.ids, self.seed)
            return self.scores.from_input(local, self.clock, others)
        with torch.no_grad():
            with self.clock.time(FORWARD):
                logits = self.network(images)
            return self.scores.from_logits(logits, batch.labels, self.clock, others)


@dataclass(frozen=True)
class GivenBatches:
    """Batches that are there already, as a source of examples; their sizes stay.

    Attributes:
        given: every example once.
        ids: (N,), the order of the results.
        device: where the batches are.
    """

    given: Iterable[ExampleBatch]
    ids: NDArray[np.int64]
    device: torch.device

    def batches(self, size: int) -> Iterable[ExampleBatch]:
        """The batches as they are."""
        return self.given


def measure(
    network: nn.Module,
    batches: Iterable[ExampleBatch],
    ids: NDArray[np.int64],
    scores: ScoreSet,
    device: torch.device,
    seed: int = 0,
    others: Mapping[str, NDArray[np.int64]] | None = None,
    batch_size: int | None = None,
) -> dict[str, Values]:
    """A single pass over batches that are there already: see `Scorer`."""
    scorer = Scorer(GivenBatches(batches, ids, device), others, batch_size=batch_size)
    return scorer.measure(network, scores, seed)
