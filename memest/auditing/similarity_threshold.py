"""From which similarity on two images are copies, learned from copies that were planted.

How many pairs are alike by chance? At most all that were found, as if a data set held no copies of its own.
And by the law of chance pairs: within a small distance r of each other lie pairs in proportion to r^d, where
d, the dimension of the images, is read from pairs that are too far apart to be copies. The smaller of both
counts, so that many real copies do not hide themselves.

The law does not foresee images that are alike for a reason: two bottles of one make, two apples on white. So
a threshold is no lower than planted copies need: where pairs are less alike than nearly all planted copies,
nothing tells that they are copies. Axes: P pairs, m images that copies were made of, V thresholds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memest.auditing.descriptors import Floats32
from memest.auditing.findings import Floats

PRECISION = 0.995
"""Of the pairs of each of the two searches, so that it is at least .99 of both together."""
SHARE = 0.05
"""Copies are planted as if this share of the images had one."""
GIVEN_UP = 0.02
"""Share of the planted copies found that may be missed, where this leaves out more pairs than copies."""
_SURE = 1 - 1e-6
"""The threshold where no lower one is precise enough."""


@dataclass(frozen=True)
class Threshold:
    """A similarity and what it is worth.

    Attributes:
        value: precise enough, and no lower than planted copies need.
        precision: the share of copies among the pairs above it.
        found: which planted copies are above it, (m,) by kind.
    """

    value: float
    precision: float
    found: Mapping[str, NDArray[np.bool_]]


def find_threshold(similarity_P: Floats32, planted: Mapping[str, Floats32], count: int) -> Threshold:
    """The similarity above which at least 99.5 % of all pairs are copies, no lower than planted copies need.

    Args:
        similarity_P: of the most similar pairs of the data set, descending.
        planted: by kind, the similarity of copies with their originals, (m,); none: only exact ones count.
        count: of the images that were compared.
    """
    planted = {kind: own for kind, own in planted.items() if len(own)}
    if not planted:
        return Threshold(_SURE, 1.0, {})
    all_planted = np.sort(np.concatenate(list(planted.values())))
    values = np.unique(np.concatenate([all_planted, similarity_P, [_SURE]]).clip(max=_SURE)).astype(float)
    found = SHARE * count * (1 - np.searchsorted(all_planted, values) / len(all_planted))
    pairs = (len(similarity_P) - np.searchsorted(similarity_P[::-1], values)).astype(float)
    chance = np.minimum(pairs, by_chance(similarity_P, count, values))
    precision = 1 - chance / np.maximum(found + pairs, 1e-9)
    good = np.flatnonzero((precision >= PRECISION) & (found + pairs > 0))
    lowest = int(good[0]) if len(good) else len(values) - 1
    place = lowest + _needed(found[lowest:], pairs[lowest:])
    above = {kind: own >= values[place] for kind, own in planted.items()}
    return Threshold(float(values[place]), float(precision[place]), above)


def _needed(found_V: Floats, pairs_V: Floats) -> int:
    """The position of the threshold that leaves out most pairs beyond the planted copies that it gives up.

    It gives up at most `GIVEN_UP` of them.

    Args:
        found_V: planted copies above each threshold, from the lowest one that is precise enough.
        pairs_V: pairs of the data set above each.
    """
    few = found_V >= (1 - GIVEN_UP) * found_V[0]
    return int(np.argmax(np.where(few, found_V - pairs_V, -np.inf)))


def by_chance(similarity_P: Floats32, count: int, values: Floats) -> Floats:
    """How many pairs are at least so similar by chance, by the law of chance pairs, (V,).

    Read from two stretches of pairs: the nearer one tells more, the farther one holds no copies even where
    every image has one. Each is an upper estimate, so the lower one counts.

    Args:
        similarity_P: descending.
        count: N.
        values: similarities, (V,).
    """
    stretches = [(count // 10, count, 0.8), (count, 5 * count, 0.6)]
    laws = [_law(similarity_P, *stretch, values) for stretch in stretches]
    return np.asarray(np.minimum(*laws))


def _law(similarity_P: Floats32, near: int, far: int, part: float, values: Floats) -> Floats:
    """The law read between the pairs of two ranks; infinite where they cannot tell.

    In photographs the dimension is lower among nearer pairs, so only a part of it counts.
    """
    far = min(far, len(similarity_P))
    if not 0 < near < far or similarity_P[near - 1] >= _SURE:
        return np.full(len(values), np.inf)
    distance = 1 - similarity_P[[near - 1, far - 1]].astype(float)
    dimension = np.log(far / near) / max(np.log(distance[1] / distance[0]), 1e-6)
    return np.asarray(near * ((1 - values) / distance[0]) ** (part * dimension))
