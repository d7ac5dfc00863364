"""Labels that a run can be measured against on purpose, besides those it was trained on.

    loss                        those it was trained on
    loss(labels=true)           those before the corruption
    loss(labels=released)       a draw of the released code's defaults
    loss(labels='foreign(corruption=symmetric_noise(rate=0.05), seed=3)')       any other draw

Measuring against a draw that nobody trained on shows what a mixed-up seed would do to a result. A set of
labels is one function of the clean images. What it gives is stored in the sheet, and read from there.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from decimal import Decimal

from memest.data.corruptions.base import corrupt
from memest.data.images import ImageSet, Integers
from memest.errors import SettingError
from memest.grammar.registry import Registry
from memest.grammar.values import Index, PositiveShare
from memest.seeding import Streams

LABELS: Registry[Callable[..., Integers]] = Registry("labels", "memest.labels")


def draw_labels(name: str, clean: ImageSet) -> Integers:
    """The labels called `name`, (N,) in the order of the clean images.

    Raises:
        InputError: no such labels, or a setting that does not fit.
    """
    labels: Integers = LABELS.call(name, clean)
    return labels


def label_name(text: str) -> str:
    """The name of labels made canonical, settings at their defaults left out.

    Raises:
        InputError: no such labels, or a setting that does not fit.
    """
    return LABELS.parse(text).short()


@LABELS.register
def true(clean: ImageSet) -> Integers:
    """The labels before the corruption."""
    return clean.labels


@LABELS.register
def foreign(clean: ImageSet, *, corruption: str, seed: Index = 0) -> Integers:
    """The labels that a corruption gives under a corruption seed of its own, whatever that of the run."""
    return corrupt(clean, corruption, Streams(seed))[1].labels


@LABELS.register
def released(clean: ImageSet, *, rate: PositiveShare = 0.01, seed: Index = 0) -> Integers:
    """Symmetric noise as the released code of Ravikumar et al. 2025 draws it, by Python's own generator.

    ⌊rate·N⌋ positions by `sample`, then for each in that order another class that occurs by `choice`. Its
    scorers' defaults are rate 0.01 and seed 0.

    Raises:
        SettingError: the rate rounds to no example, or there is no other class to move to.
    """
    count, classes = int(Decimal(str(rate)) * len(clean)), clean.occurring.tolist()
    if count == 0 or len(classes) < 2:
        raise SettingError(
            f"labels=released(rate={rate:g}) would change {count} of {len(clean)} labels over "
            f"{len(classes)} classes; use a larger rate"
        )
    generator, labels = random.Random(seed), clean.labels.copy()
    for place in generator.sample(range(len(clean)), count):
        labels[place] = generator.choice([k for k in classes if k != clean.labels[place]])
    return labels
