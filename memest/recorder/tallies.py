"""What is added up on the device over a recording: labels that were seen, and mean probabilities.

Axes: N examples of the recording, B of a batch, K classes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_TOP = 5
_WHOLE = 1 << 30
"""Bytes up to which the probabilities of all classes are kept."""


class LabelTally:
    """The label of each example, and whether one was out of range or changed from visit to visit.

    Args:
        labels: (N,) int64, −1 where it is not known yet.

    Attributes:
        labels_N: those known so far; the last place is for examples that are not of the recording.
        wrong_N, changed_N: whether a batch had a label out of range, or another than before.
    """

    def __init__(self, labels: Tensor) -> None:
        self.labels_N = torch.cat([labels, labels.new_full((1,), -1)])
        self._before_N = self.labels_N.clone()
        self.wrong_N = torch.zeros(len(self.labels_N), dtype=torch.bool, device=labels.device)
        self.changed_N = torch.zeros_like(self.wrong_N)

    def put(self, positions_B: Tensor, labels_B: Tensor, counted_B: Tensor, wrong_B: Tensor) -> None:
        """Take in one batch; nothing is brought to the host."""
        self.wrong_N[positions_B] |= wrong_B
        before = self.labels_N[positions_B]
        self.changed_N[positions_B] |= counted_B & (before >= 0) & (before != labels_B)
        self.labels_N[positions_B] = torch.where(counted_B, labels_B, before)

    def faults(self, largest: Callable[[Tensor], Tensor]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Which examples came with a label out of range, and with another than before, (N,) each.

        Args:
            largest: the largest of each number over all processes, whose labels are joined here.
        """
        highest = largest(self.labels_N.clone())
        lowest = -largest(torch.where(self.labels_N < 0, -(1 << 60), -self.labels_N))
        apart = (highest >= 0) & (highest != lowest)
        self.labels_N.copy_(highest)
        wrong, changed = largest(self.wrong_N.int()), largest((self.changed_N | apart).int())
        return wrong[:-1].bool().cpu().numpy(), changed[:-1].bool().cpu().numpy()

    def end_epoch(self) -> None:
        """The labels of the epoch stay."""
        self._before_N = self.labels_N.clone()

    def clear(self) -> None:
        """Forget the epoch, which was refused."""
        self.labels_N = self._before_N.clone()
        self.wrong_N.zero_()
        self.changed_N.zero_()


class Probabilities(Protocol):
    """Probabilities of each example added up over its visits."""

    def put(self, positions_B: Tensor, probabilities_BK: Tensor, counted_B: Tensor) -> None:
        """Take in one batch; nothing is brought to the host."""
        ...

    def end_epoch(self, add: Callable[[Tensor], Tensor]) -> None:
        """The epoch is over; `add` sums a tensor over all processes."""
        ...

    def clear(self) -> None:
        """The epoch was refused."""
        ...

    def likeliest_other(self, labels_N: Tensor) -> tuple[Tensor, Tensor]:
        """The most probable class besides the label, and its mean probability, (N,) each."""
        ...

    def state(self) -> dict[str, Tensor]:
        """What it takes to go on after an epoch."""
        ...

    def restore(self, state: dict[str, Tensor]) -> None:
        """Go on from what `state` gave."""
        ...


class MeanProbabilities:
    """All K of them.

    Args:
        count: N.
        classes: K.
        device: where the batches are.
    """

    def __init__(self, count: int, classes: int, device: torch.device) -> None:
        self.sums_NK = torch.zeros(count + 1, classes, device=device)
        self.visits_N = torch.zeros(count + 1, device=device)
        self._epoch_NK, self._epoch_N = torch.zeros_like(self.sums_NK), torch.zeros_like(self.visits_N)

    def put(self, positions_B: Tensor, probabilities_BK: Tensor, counted_B: Tensor) -> None:
        """Take in one batch."""
        self._epoch_NK.index_add_(0, positions_B, probabilities_BK * counted_B[:, None])
        self._epoch_N.index_add_(0, positions_B, counted_B.float())

    def end_epoch(self, add: Callable[[Tensor], Tensor]) -> None:
        """Add the epoch to the sums, that of all processes where there are several."""
        self.sums_NK += add(self._epoch_NK)
        self.visits_N += add(self._epoch_N)
        self.clear()

    def clear(self) -> None:
        """Forget the epoch."""
        self._epoch_NK.zero_()
        self._epoch_N.zero_()

    def means(self) -> Tensor:
        """(N, K) float32; zeros for an example without a visit."""
        return (self.sums_NK / self.visits_N.clamp(min=1)[:, None])[:-1]

    def likeliest_other(self, labels_N: Tensor) -> tuple[Tensor, Tensor]:
        """The most probable class besides the label, and its mean probability, (N,) each."""
        others_NK = self.means().scatter(1, labels_N[:, None], -1.0)
        best = others_NK.max(1)
        return best.indices, best.values

    def state(self) -> dict[str, Tensor]:
        """What it takes to go on after an epoch."""
        return {"sums": self.sums_NK, "visits": self.visits_N}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Go on from what `state` gave."""
        self.sums_NK.copy_(state["sums"])
        self.visits_N.copy_(state["visits"])


class TopProbabilities:
    """The five classes with the largest sums, where all K would not fit; one that comes late may be missed.

    Each visit adds to the sums of the classes that are held; the most probable of the others takes the place
    of the smallest sum where it is larger. Of several processes each holds what it saw itself.

    Args:
        count, classes, device: as for `MeanProbabilities`.
    """

    def __init__(self, count: int, classes: int, device: torch.device) -> None:
        held = min(_TOP, classes)
        self.classes_NH = torch.arange(held, device=device).repeat(count + 1, 1)
        self.sums_NH = torch.zeros(count + 1, held, device=device)
        self.visits_N = torch.zeros(count + 1, device=device)

    def put(self, positions_B: Tensor, probabilities_BK: Tensor, counted_B: Tensor) -> None:
        """Take in one batch."""
        p_BK = probabilities_BK * counted_B[:, None]
        classes_BH, sums_BH = self.classes_NH[positions_B], self.sums_NH[positions_B]
        sums_BH = sums_BH + p_BK.gather(1, classes_BH)
        newcomer = p_BK.scatter(1, classes_BH, -1.0).max(1)
        least = sums_BH.min(1)
        place = least.indices[:, None]
        enters = (newcomer.values > least.values)[:, None]
        held, sums = classes_BH.gather(1, place), sums_BH.gather(1, place)
        classes_BH = classes_BH.scatter(1, place, torch.where(enters, newcomer.indices[:, None], held))
        sums_BH = sums_BH.scatter(1, place, torch.where(enters, newcomer.values[:, None], sums))
        self.classes_NH[positions_B], self.sums_NH[positions_B] = classes_BH, sums_BH
        self.visits_N.index_add_(0, positions_B, counted_B.float())

    def end_epoch(self, add: Callable[[Tensor], Tensor]) -> None:
        """Nothing: the sums are there already."""

    def clear(self) -> None:
        """Nothing: what a refused epoch added stays."""

    def likeliest_other(self, labels_N: Tensor) -> tuple[Tensor, Tensor]:
        """The most probable held class besides the label, and its mean probability, (N,) each."""
        means_NH = (self.sums_NH / self.visits_N.clamp(min=1)[:, None])[:-1]
        others_NH = means_NH.masked_fill(self.classes_NH[:-1] == labels_N[:, None], -1.0)
        best = others_NH.max(1)
        return self.classes_NH[:-1].gather(1, best.indices[:, None]).squeeze(1), best.values

    def state(self) -> dict[str, Tensor]:
        """What it takes to go on after an epoch."""
        return {"classes": self.classes_NH, "sums": self.sums_NH, "visits": self.visits_N}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Go on from what `state` gave."""
        self.classes_NH.copy_(state["classes"])
        self.sums_NH.copy_(state["sums"])
        self.visits_N.copy_(state["visits"])


def probabilities_for(count: int, classes: int, device: torch.device) -> Probabilities:
    """All mean probabilities where they take at most 1 GB, else those of five classes for each example."""
    kind = MeanProbabilities if 4 * count * classes <= _WHOLE else TopProbabilities
    return kind(count, classes, device)
