"""Memorization by its definition: how often networks are right that were trained on an example, and others.

Axes: N examples; the counts have two axes before it: trained on (0 no, 1 yes), right (0 no, 1 yes).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from memest.errors import SheetError
from memest.metrics.proportions import Difference, difference_of_rates
from memest.tracking import ResumePoint
from memest.train import checkpoint


class Tally:
    """Counts over the networks that were trained so far.

    Args:
        counts: (2, 2, N): how many networks were trained on an example or not, and right on it or not.
        networks: how many there were.
    """

    def __init__(self, counts: NDArray[np.int64], networks: int = 0) -> None:
        self.counts, self.networks = counts, networks

    @classmethod
    def restored(cls, point: ResumePoint, key: str, count: int) -> Tally:
        """The tally of an interrupted run; zeros for `count` examples where there is none to go on from.

        Args:
            point: of the run.
            key: of the run; a point of another run is refused.
            count: N.
        """
        content, fresh = point.load(), cls(np.zeros((2, 2, count), np.int64))
        if content is None:
            return fresh
        try:
            state: dict[str, Any] = checkpoint.unpack(content, torch.device("cpu"))
            if state["key"] != key or state["counts"].shape != fresh.counts.shape:
                raise SheetError("it is of another run")
            return cls(state["counts"].numpy(), state["networks"])
        except (SheetError, AttributeError, KeyError, TypeError) as error:
            point.refuse(f"{error}")
            return fresh

    def pack(self, key: str) -> bytes:
        """The bytes that `restored` reads."""
        counts = torch.from_numpy(self.counts.copy())
        return checkpoint.pack({"key": key, "counts": counts, "networks": self.networks})

    def add(self, member: NDArray[np.bool_], right: NDArray[np.bool_]) -> None:
        """Count one network: the examples it was trained on and those it gets right, (N,) each."""
        for was in (0, 1):
            for got in (0, 1):
                self.counts[was, got] += (member == was) & (right == got)
        self.networks += 1

    def memorization(self) -> Difference:
        """Rate of being right when trained on the example, minus the rate otherwise, with its interval.

        Every example must have been in some subsets and not in others.
        """
        total = self.counts.sum(1)
        return difference_of_rates((self.counts[1, 1], self.counts[0, 1]), (total[1], total[0]))
