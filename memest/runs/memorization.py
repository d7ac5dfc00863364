"""Memorization by its definition: how often networks are right that were trained on an example, and others.

Axes: N examples; the counts have two axes before it: trained on (0 no, 1 yes), right (0 no, 1 yes).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from memest.errors import SettingError, SheetError
from memest.loading import Loader
from memest.metrics.proportions import Difference, difference_of_rates
from memest.models import build_model
from memest.runs.prepare import Prepared
from memest.scores import Scorer, ScoreSet, Unseen
from memest.seeding import Streams
from memest.tracking import ResumePoint
from memest.training import checkpoint, train_epochs


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


def _subset(prepared: Prepared, count: int, number: int) -> tuple[Streams, NDArray[np.int64]]:
    """The randomness of network `number`, and the sorted positions of the examples it is trained on."""
    own = Streams(prepared.streams.seed("subsets", number))
    return own, np.sort(own.numpy("subsets").permutation(len(prepared.images))[:count])


def require_both_kinds(prepared: Prepared, count: int, networks: int) -> None:
    """Refuse too few networks: every example needs one that is trained on it and one that is not.

    Raises:
        SettingError: an example is in all subsets or in none.
    """
    members = np.zeros(len(prepared.images), np.int64)
    for number in range(networks):
        members[_subset(prepared, count, number)[1]] += 1
    if one_kind := int(((members == 0) | (members == networks)).sum()):
        raise SettingError(
            f"{one_kind} examples would be in all or in none of {networks} subsets; train more --networks, "
            "or choose another --share"
        )


def train_on_some(prepared: Prepared, count: int, number: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """The `count` examples that network `number` was trained on, and those it gets right, (N,) each."""
    images, config, device = prepared.images, prepared.config, prepared.device
    own, chosen = _subset(prepared, count, number)
    statistics = images.take(chosen).statistics()
    training = Loader(images.take(chosen), statistics, device)
    network = build_model(
        config.model, images.channels, len(images.classes), own.seed("weights"), images.size
    )
    for _ in train_epochs(network, [training], None, config.recipe, own, Unseen()):
        pass
    right = Scorer(Loader(images, statistics, device)).measure(network, ScoreSet("correct"))["correct"] > 0.5
    member = np.zeros(len(images), bool)
    member[chosen] = True
    return member, right
