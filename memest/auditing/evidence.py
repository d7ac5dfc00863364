"""What an audit judges labels by. Axes: N examples, K classes, E epochs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memest.auditing.findings import Floats, Integers

_LEAST = 1e-7
"""A probability below this counts as this: float32 holds no difference to one that is smaller."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """What trained networks say of every example.

    Attributes:
        ids: (N,) int64.
        labels: (N,) int64, those that were trained on.
        probabilities: (N, K), by networks that never saw the example, or, if not `unseen`, while it was
            trained on.
        unseen: whether the probabilities are out of sample.
        epochs: (E,) int64.
        losses: (E, N), of each example while it was trained on, the mean over networks.
        margins: (E, N), likewise: logit of the label minus the largest other; None: not measured.
        networks: how many trained on each example.
    """

    ids: Integers
    labels: Integers
    probabilities: NDArray[np.floating[Any]]
    unseen: bool
    epochs: Integers
    losses: NDArray[np.float32]
    margins: NDArray[np.float32] | None = None
    networks: int = 1

    @property
    def csl(self) -> Floats:
        """The sum of the losses over training, (N,)."""
        return np.asarray(self.losses.sum(0, dtype=np.float64))

    @property
    def late(self) -> Floats:
        """How badly labels fit in the second half of training, (N,): minus the mean margin, or the loss."""
        trace = self.losses if self.margins is None else -self.margins
        return np.asarray(trace[len(trace) // 2 :].mean(0, dtype=np.float64))

    def of(self, places: NDArray[np.intp]) -> Evidence:
        """The evidence of some examples, in the order of their positions."""
        margins = None if self.margins is None else self.margins[:, places]
        rows = (self.ids[places], self.labels[places], self.probabilities[places])
        return Evidence(*rows, self.unseen, self.epochs, self.losses[:, places], margins, self.networks)


def of_label(probabilities_NK: NDArray[np.floating[Any]], labels_N: Integers) -> Floats:
    """The probability of each example's label, (N,)."""
    return np.asarray(probabilities_NK[np.arange(len(labels_N)), labels_N], np.float64)


def other_class(probabilities_NK: NDArray[np.floating[Any]], labels_N: Integers) -> Integers:
    """The most probable class other than the label, (N,)."""
    others = np.array(probabilities_NK, np.float64)
    others[np.arange(len(labels_N)), labels_N] = -1
    return np.asarray(others.argmax(1), np.int64)


def log_margin(probabilities_NK: NDArray[np.floating[Any]], labels_N: Integers) -> Floats:
    """ln p(label) − ln p(most probable other class), (N,): the margin of the logits; lower is worse."""
    own = of_label(probabilities_NK, labels_N)
    other = of_label(probabilities_NK, other_class(probabilities_NK, labels_N))
    return np.asarray(np.log(np.maximum(own, _LEAST)) - np.log(np.maximum(other, _LEAST)))
