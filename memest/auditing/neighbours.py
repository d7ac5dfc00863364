"""All pairs of images that are most alike: exact, by blocks, so that memory does not grow with N².

Axes: N images that are compared, the first M of them with all others; D numbers; P pairs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memest.auditing.descriptors import Floats32

_BLOCK = 4096


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs of images, the most similar first.

    Attributes:
        left: (P,) int64, positions.
        right: (P,) int64, above `left`.
        similarity: (P,) float32, descending.
    """

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    similarity: Floats32

    def __len__(self) -> int:
        return len(self.left)

    def above(self, threshold: float) -> Pairs:
        """Those whose similarity is at least the threshold."""
        return self.first(int((self.similarity >= threshold).sum()))

    def first(self, count: int) -> Pairs:
        """The `count` most similar."""
        return Pairs(self.left[:count], self.right[:count], self.similarity[:count])


NO_PAIRS = Pairs(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32))


def most_similar(plain_ND: Floats32, mirrored_ND: Floats32, first: int, most: int) -> Pairs:
    """The pairs with the highest cosine, of an image with another one or with its mirror image.

    Args:
        plain_ND: descriptors of length 1.
        mirrored_ND: those of the mirror images.
        first: M; pairs among the other N − M are not wanted.
        most: how many pairs; memory is bounded by this.
    """
    best, floor = NO_PAIRS, -1.0
    for top in range(0, first, _BLOCK):
        rows = slice(top, min(top + _BLOCK, first))
        for start in range(top, len(plain_ND), _BLOCK):
            columns = slice(start, start + _BLOCK)
            cosines = plain_ND[rows] @ plain_ND[columns].T
            np.maximum(cosines, plain_ND[rows] @ mirrored_ND[columns].T, out=cosines)
            if start == top:
                cosines[np.tril(np.ones(cosines.shape, bool))] = -2
            best = _joined(best, _above(cosines, floor, most, top, start), most)
            floor = float(best.similarity[-1]) if len(best) == most else floor
    return best


def joined(one: Pairs, other: Pairs) -> Pairs:
    """The pairs of both, the most similar first; a pair of both once, as the more similar."""
    count = 1 + max((int(pairs.right.max(initial=0)) for pairs in (one, other)), default=0)
    all_ = _joined(one, other, len(one) + len(other))
    first = np.sort(np.unique(all_.left * count + all_.right, return_index=True)[1])
    return Pairs(all_.left[first], all_.right[first], all_.similarity[first])


def _above(cosines: Floats32, floor: float, most: int, top: int, start: int) -> Pairs:
    """The pairs of a block that are more similar than `floor`, at most `most`."""
    flat = cosines.ravel()
    if len(flat) > most and floor < 0:
        floor = float(np.partition(flat, -most)[-most])
    places = np.flatnonzero(flat > max(floor, -1))
    left, right = np.divmod(places, cosines.shape[1])
    return Pairs(left + top, right + start, flat[places])


def _joined(one: Pairs, other: Pairs, most: int) -> Pairs:
    """The most similar of both."""
    if not len(other):
        return one
    similarity = np.concatenate([one.similarity, other.similarity])
    order = np.argsort(-similarity, kind="stable")[:most]
    left, right = np.concatenate([one.left, other.left]), np.concatenate([one.right, other.right])
    return Pairs(left[order], right[order], similarity[order])


def nearest(plain_ND: Floats32, first: int, each: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of each of the first images with those that are most similar to it, each once, (P,) and (P,).

    Args:
        plain_ND: descriptors of length 1.
        first: M.
        each: how many for an image.
    """
    each = min(each, len(plain_ND) - 1)
    found = []
    for top in range(0, first, _BLOCK):
        rows = np.arange(top, min(top + _BLOCK, first))
        cosines = plain_ND[rows] @ plain_ND.T
        cosines[np.arange(len(rows)), rows] = -2
        others = np.argpartition(cosines, -each, axis=1)[:, -each:]
        found.append(np.stack([np.repeat(rows, each), others.ravel()], axis=1))
    pairs = np.unique(np.sort(np.concatenate(found), axis=1), axis=0)
    return pairs[:, 0], pairs[:, 1]
