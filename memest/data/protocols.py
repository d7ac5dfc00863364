"""Protocols: which examples a network trains on, and which it is then asked about.

    standard                 trains on all, observes all
    k_fold(folds=3)          trains on all folds but one, observes that one: out of sample
    cross_fit(folds=3)       the same trainings; observes what is trained on, asks about that one at the end
    second_split             trains on one half, goes on with the other, observes the first half all the while

A protocol turns labelled images into parts. Each part is a training of its own, with a fresh network,
optimizer and schedule; between them they observe every example, all but `cross_fit` exactly once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Annotated

import numpy as np

from memest.data.images import ImageSet, Integers
from memest.errors import SettingError
from memest.grammar.registry import Registry
from memest.grammar.spec import Spec
from memest.grammar.values import Within
from memest.seeding import Streams

Folds = Annotated[int, Within(2)]
PROTOCOLS: Registry[Callable[..., list[Part]]] = Registry("protocol")


@dataclass(frozen=True, eq=False)
class Part:
    """One training of a protocol. Positions are those of the image set it was planned for.

    Attributes:
        stages: what is trained on, one stage after the other: positions (n,) each. The same network goes on.
        observed: positions (m,) of the examples that are scored, during the last stage.
        left_out: positions of examples that the network never sees, whose probabilities are kept at the end.
    """

    stages: tuple[Integers, ...]
    observed: Integers
    left_out: Integers = field(default_factory=lambda: np.zeros(0, np.int64))

    @property
    def plain(self) -> bool:
        """Whether what is observed is what is trained on, all the while."""
        return len(self.stages) == 1 and np.array_equal(self.stages[0], self.observed)

    @property
    def trained(self) -> Integers:
        """Positions of everything that is trained on in any stage, sorted."""
        return np.unique(np.concatenate(self.stages))


def plan(images: ImageSet, spec: str, streams: Streams) -> list[Part]:
    """The parts of a protocol; the same for the same labels and seed.

    Args:
        images: with the labels that are trained on: folds are stratified on these.
        spec: a protocol in the grammar.
        streams: the run's randomness; only the `folds` stream is drawn from.

    Raises:
        SettingError: there are too few images for the protocol.
    """
    parts: list[Part] = PROTOCOLS.call(spec, images, streams.numpy("folds"))
    return parts


def part_count(spec: Spec) -> int | None:
    """How many parts a protocol has; None where its images decide, as they may for another package's."""
    return {"standard": 1, "second_split": 2}.get(spec.name, spec.settings.get("folds"))


@PROTOCOLS.register
def standard(images: ImageSet, rng: np.random.Generator) -> list[Part]:
    """One part: all examples, trained on and observed."""
    everything = np.arange(len(images))
    return [Part((everything,), everything)]


@PROTOCOLS.register
def k_fold(images: ImageSet, rng: np.random.Generator, *, folds: Folds = 3) -> list[Part]:
    """One part for each fold, observed by a network that has never seen it (Northcutt et al. 2021 use three).

    Stratified: each class is spread over the folds as evenly as can be.

    Raises:
        SettingError: a class has a single example, which no network could learn that does not see it.
    """
    return [Part((rest,), held) for rest, held in _folds(images, folds, rng, f"k_fold(folds={folds})")]


@PROTOCOLS.register
def cross_fit(images: ImageSet, rng: np.random.Generator, *, folds: Folds = 3) -> list[Part]:
    """The trainings of `k_fold`, each observing what it trains on; of its fold it keeps the probabilities.

    One training gives both kinds of evidence: online traces, by folds − 1 networks for each example, and
    probabilities out of sample.

    Raises:
        SettingError: a class has a single example, which no network could learn that does not see it.
    """
    dealt = _folds(images, folds, rng, f"cross_fit(folds={folds})")
    return [Part((rest,), rest, left_out=held) for rest, held in dealt]


@PROTOCOLS.register
def second_split(images: ImageSet, rng: np.random.Generator) -> list[Part]:
    """Two parts, A then B and B then A; what the second stage forgets of the first is what is looked for.

    Source: second-split forgetting, Maini et al. 2022, both directions, so that every example is observed.
    """
    halves = deal(images.labels, 2, rng)
    _refuse_too_few(halves, images, "second_split")
    _refuse_single(images, "second_split")
    first, second = halves
    return [Part((first, second), first), Part((second, first), second)]


def _folds(
    images: ImageSet, folds: int, rng: np.random.Generator, spec: str
) -> list[tuple[Integers, Integers]]:
    """For each fold the positions of all others, and its own; sorted.

    Raises:
        SettingError: a fold would be too small, or a class has a single example.
    """
    dealt = deal(images.labels, folds, rng)
    _refuse_too_few(dealt, images, spec)
    _refuse_single(images, spec)
    everything = np.arange(len(images))
    return [(np.setdiff1d(everything, held), held) for held in dealt]


def deal(labels: Integers, hands: int, rng: np.random.Generator) -> list[Integers]:
    """Positions dealt into hands of equal size, give or take one, each class as evenly as can be; sorted.

    Shuffled within each class and then dealt round, class after class, without starting anew.
    """
    shuffled = rng.permutation(len(labels))
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    return [np.sort(by_class[hand::hands]) for hand in range(hands)]


def _refuse_single(images: ImageSet, spec: str) -> None:
    counts = np.bincount(images.labels, minlength=len(images.classes))
    if len(single := np.flatnonzero(counts == 1)):
        raise SettingError(
            f"{spec} leaves a part without class {images.classes[single[0]]!r}: it has one example only; "
            "merge it with another class, or leave it out"
        )


def _refuse_too_few(parts: Sequence[Integers], images: ImageSet, spec: str) -> None:
    if min(map(len, parts)) < 2:
        raise SettingError(f"{spec} needs at least two images in each part; there are {len(images)} in all")
