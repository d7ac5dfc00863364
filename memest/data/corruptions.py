"""Corruptions: known damage to a training set, so that detection can be measured. Depends on numpy.

A corruption takes a clean `ImageSet` and a generator of its own and returns the `Truth`; the damaged set
is always `truth.apply(clean)`, so what a run trained on and what is rebuilt later cannot differ.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import numpy as np

from memest.data.images import ImageSet
from memest.data.truth import Truth
from memest.errors import SettingError
from memest.registry import Registry
from memest.seeding import Streams
from memest.values import PositiveShare

Corruption = Callable[..., Truth]
CORRUPTIONS: Registry[Corruption] = Registry("corruption")


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


@CORRUPTIONS.register
def none(images: ImageSet, rng: np.random.Generator) -> Truth:
    """Leave every label as it is."""
    return Truth.untouched(images)


@CORRUPTIONS.register
def symmetric_noise(images: ImageSet, rng: np.random.Generator, *, rate: PositiveShare) -> Truth:
    """Move exactly ⌊rate·N⌋ labels, drawn without replacement, each to another class uniformly.

    Raises:
        SettingError: the rate rounds to no example, or there is no other class to move to.
    """
    count, classes = int(Decimal(str(rate)) * len(images)), len(images.classes)
    if count == 0 or classes < 2:
        raise SettingError(
            f"symmetric_noise(rate={rate:g}) would change {count} of {len(images)} labels over "
            f"{classes} classes; use a larger rate, more images, or corruption=none"
        )
    truth = Truth.untouched(images)
    chosen = rng.choice(len(images), count, replace=False)
    labels, changed = truth.labels.copy(), truth.changed.copy()
    labels[chosen] = (labels[chosen] + rng.integers(1, classes, count)) % classes
    changed[chosen] = True
    return replace(truth, labels=labels, changed=changed)
