"""Corruptions: known damage to a training set, so that detection can be measured.

A corruption takes a clean `ImageSet` and a generator of its own and returns the `Truth`; the damaged set
is always `truth.apply(clean)`, so what a run trained on and what is rebuilt later cannot differ.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import numpy as np

from memest.data.images import ImageSet, Integers
from memest.data.truth import Truth
from memest.errors import SettingError
from memest.grammar.registry import Registry
from memest.seeding import Streams

Corruption = Callable[..., Truth]
CORRUPTIONS: Registry[Corruption] = Registry("corruption", "memest.corruptions")


def corrupt(images: ImageSet, spec: str, streams: Streams) -> tuple[ImageSet, Truth]:
    """The damaged image set and the truth about it.

    Args:
        spec: a corruption in the grammar, such as `symmetric_noise(rate=0.05)`.
        streams: the run's randomness; only the `corruption` stream is drawn from.
    """
    canonical = str(CORRUPTIONS.parse(spec))
    truth = CORRUPTIONS.call(canonical, images, streams.numpy("corruption"))
    truth = replace(truth, spec=canonical)
    return truth.apply(images), truth


def moved_on(labels: Integers, steps: Integers, occurring: Integers) -> Integers:
    """Labels that go so many classes on among those that occur, the last followed by the first; all (n,)."""
    places = np.searchsorted(occurring, labels) + steps
    return np.asarray(occurring[places % len(occurring)])


@CORRUPTIONS.register
def none(images: ImageSet, rng: np.random.Generator) -> Truth:
    """Leave every label as it is."""
    return Truth.untouched(images)


def count_to_move(name: str, rate: float, images: ImageSet) -> int:
    """⌊rate·N⌋, the labels that the noise called `name` moves; exact, as the rate is written.

    Raises:
        SettingError: the rate rounds to no example, or there is no other class to move to.
    """
    count, classes = int(Decimal(str(rate)) * len(images)), len(images.occurring)
    if count == 0 or classes < 2:
        raise SettingError(
            f"{name}(rate={rate:g}) would change {count} of {len(images)} labels over {classes} classes; use "
            "a larger rate, more images, or corruption=none"
        )
    return count
