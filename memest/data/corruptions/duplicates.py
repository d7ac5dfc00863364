"""Duplicates: copies of images put in place of others, in a known way."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from memest.data.corruptions.base import CORRUPTIONS, moved_on
from memest.data.images import ImageSet, Integers
from memest.data.truth import Truth
from memest.errors import SettingError
from memest.grammar.values import Count


@CORRUPTIONS.register
def conflicting_duplicates(images: ImageSet, rng: np.random.Generator, *, pairs: Count = 250) -> Truth:
    """Disjoint pairs (a, b): a shows b's image, under another class that occurs, drawn uniformly.

    Both are what a detector should find; `partner_ids` tells which of the two is the copy. Source:
    Ravikumar et al. 2025, section 5.

    Raises:
        SettingError: fewer than two classes, or not two images for each pair.
    """
    occurring = images.occurring
    if len(occurring) < 2 or 2 * pairs > len(images):
        raise SettingError(
            f"conflicting_duplicates(pairs={pairs}) needs {2 * pairs} images and two classes; there are "
            f"{len(images)} and {len(occurring)}"
        )
    copies, twins = rng.choice(len(images), (2, pairs), replace=False)
    truth = _copied(images, copies, twins)
    labels = truth.labels.copy()
    labels[copies] = moved_on(images.labels[twins], rng.integers(1, len(occurring), pairs), occurring)
    return replace(truth, labels=labels)


@CORRUPTIONS.register
def same_label_duplicates(images: ImageSet, rng: np.random.Generator, *, pairs: Count = 250) -> Truth:
    """Disjoint pairs (a, b) of one class: a shows b's image under the label both have.

    Raises:
        SettingError: the classes do not hold so many disjoint pairs.
    """
    order = rng.permutation(len(images))
    by_class = [order[images.labels[order] == k] for k in range(len(images.classes))]
    halves = [(members[: len(members) // 2], members[len(members) // 2 :]) for members in by_class]
    copies = np.concatenate([first for first, _ in halves])
    twins = np.concatenate([second[: len(first)] for first, second in halves])
    if pairs > len(copies):
        raise SettingError(
            f"same_label_duplicates(pairs={pairs}): the classes hold {len(copies)} disjoint pairs"
        )
    chosen = rng.choice(len(copies), pairs, replace=False)
    return _copied(images, copies[chosen], twins[chosen])


def _copied(images: ImageSet, copies: Integers, twins: Integers) -> Truth:
    truth = Truth.untouched(images)
    changed, partners = truth.changed.copy(), truth.partner_ids.copy()
    changed[copies] = changed[twins] = True
    partners[copies] = images.ids[twins]
    return replace(truth, changed=changed, partner_ids=partners)
