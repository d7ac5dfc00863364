"""Label noise that is hard to tell: each image is taken for the class that it resembles. Depends on numpy.

Axes: N examples, K classes, F features.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from memest.data.corruptions.base import CORRUPTIONS
from memest.data.images import ImageSet
from memest.data.truth import Truth
from memest.errors import SettingError
from memest.grammar.values import PositiveShare

_CELLS = 8
"""Rows and columns that an image is averaged to before images are compared."""
_STRETCH = 1024


@CORRUPTIONS.register
def confusable_noise(images: ImageSet, rng: np.random.Generator, *, rate: PositiveShare) -> Truth:
    """Move exactly ⌊rate·N⌋ labels, drawn without replacement, each to the class that its image resembles.

    That is the other class whose mean image, on 8 × 8 cells, is nearest.

    Raises:
        SettingError: the rate rounds to no example, or there is no other class to move to.
    """
    count, occurring = int(Decimal(str(rate)) * len(images)), images.occurring
    if count == 0 or len(occurring) < 2:
        raise SettingError(
            f"confusable_noise(rate={rate:g}) would change {count} of {len(images)} labels over "
            f"{len(occurring)} classes; use a larger rate, more images, or corruption=none"
        )
    truth = Truth.untouched(images)
    chosen = np.sort(rng.choice(len(images), count, replace=False))
    means_KF = _class_means(images)
    distance_nK = np.square(_cells(images, chosen)[:, None] - means_KF[None]).sum(2)
    distance_nK[np.arange(count), np.searchsorted(occurring, images.labels[chosen])] = np.inf
    labels, changed = truth.labels.copy(), truth.changed.copy()
    labels[chosen] = occurring[distance_nK.argmin(1)]
    changed[chosen] = True
    return replace(truth, labels=labels, changed=changed)


def _class_means(images: ImageSet) -> NDArray[np.float64]:
    """The mean cells of every class that occurs, (K', F)."""
    places = np.searchsorted(images.occurring, images.labels)
    sums_KF = np.zeros((len(images.occurring), _CELLS * _CELLS * images.channels))
    for start in range(0, len(images), _STRETCH):
        some = np.arange(start, min(start + _STRETCH, len(images)))
        np.add.at(sums_KF, places[some], _cells(images, some))
    return np.asarray(sums_KF / np.bincount(places)[:, None])


def _cells(images: ImageSet, positions: NDArray[np.int64]) -> NDArray[np.float64]:
    """Images averaged to 8 × 8 cells, (n, F)."""
    pixels = np.asarray(images.take(positions).images, np.float64)
    for axis in (1, 2):
        edges = np.linspace(0, pixels.shape[axis], _CELLS + 1).astype(int)
        sums = np.add.reduceat(pixels, edges[:-1], axis=axis)
        shape = [1, 1, 1, 1]
        shape[axis] = _CELLS
        pixels = sums / np.diff(edges).reshape(shape)
    return pixels.reshape(len(positions), -1)
