"""Label noise like plausible confusions: classes are taken for those that look alike.

Axes: N examples, n of them, K classes that occur, F features.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from memest.data.corruptions.base import CORRUPTIONS, count_to_move
from memest.data.images import ImageSet, Integers
from memest.data.truth import Truth
from memest.grammar.values import PositiveShare

_CELLS = 8
"""Rows and columns that an image is averaged to before images are compared."""
_STRETCH = 1024


@CORRUPTIONS.register
def confusable_noise(images: ImageSet, rng: np.random.Generator, *, rate: PositiveShare) -> Truth:
    """Move exactly ⌊rate·N⌋ labels, drawn without replacement, half of them to classes that look alike.

    A class is taken for another as often as its images, on 8 × 8 cells, are nearest to the mean image of that
    one; the other half of the labels go anywhere.

    Raises:
        SettingError: the rate rounds to no example, or there is no other class to move to.
    """
    count, occurring = count_to_move("confusable_noise", rate, images), images.occurring
    truth = Truth.untouched(images)
    chosen = np.sort(rng.choice(len(images), count, replace=False))
    places_N = np.searchsorted(occurring, images.labels)
    upper_nK = np.cumsum(_transitions(images, places_N), axis=1)[places_N[chosen]]
    draws_n = rng.random(count) * upper_nK[:, -1]
    labels, changed = truth.labels.copy(), truth.changed.copy()
    labels[chosen] = occurring[(draws_n[:, None] >= upper_nK).sum(1)]
    changed[chosen] = True
    return replace(truth, labels=labels, changed=changed)


def _transitions(images: ImageSet, places_N: Integers) -> NDArray[np.float64]:
    """How probable each other class is for an image of a class, (K, K): zero for its own."""
    means_KF = _class_means(images, places_N)
    counts_KK = np.zeros((len(means_KF), len(means_KF)))
    for some in _stretches(len(images)):
        distance_nK = np.square(_cells(images, some)[:, None] - means_KF[None]).sum(2)
        distance_nK[np.arange(len(some)), places_N[some]] = np.inf
        np.add.at(counts_KK, (places_N[some], distance_nK.argmin(1)), 1)
    resembling = counts_KK / counts_KK.sum(1, keepdims=True)
    anything = (1 - np.eye(len(means_KF))) / (len(means_KF) - 1)
    return np.asarray((resembling + anything) / 2, np.float64)


def _stretches(count: int) -> Iterator[Integers]:
    return (np.arange(start, min(start + _STRETCH, count)) for start in range(0, count, _STRETCH))


def _class_means(images: ImageSet, places_N: Integers) -> NDArray[np.float64]:
    """The mean cells of every class that occurs, (K, F)."""
    sums_KF = np.zeros((places_N.max() + 1, _CELLS * _CELLS * images.channels))
    for some in _stretches(len(images)):
        np.add.at(sums_KF, places_N[some], _cells(images, some))
    return np.asarray(sums_KF / np.bincount(places_N)[:, None])


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
