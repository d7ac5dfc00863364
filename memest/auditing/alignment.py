"""How alike two images are where one is moved or cut: the best correlation over places and sizes.

A copy that was moved shows the middle of its original somewhere else; one that was cut and enlarged is, made
smaller again, a window of its original. Axes: N images, P pairs, S side of the small images, t of a window.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memest.auditing.descriptors import Floats32
from memest.data.mapped import Images

_SIDE = 32
_BLUR = 3
"""Half the side of the square whose mean is taken off every pixel: what is broader than that tells little."""
_MOVED = 1 / 16
"""Share of the side by which the middle may stand elsewhere."""
_CUT = 0.15
"""Share of the side by which a cut-out may be smaller than its original."""
_LIKELY = 0.4
"""Correlation of the middles from which cut-outs are looked for: the slower search."""
_STRETCH = 1024


def small(images: Images) -> Floats32:
    """The images as they are compared, (N, S, S): grey, of at most 32 × 32, without coarse brightness.

    The mean of every row and column is taken off as well: all horizons are alike.
    """
    side = min(_SIDE, *images.shape[1:3])
    blocks = []
    for start in range(0, len(images), _STRETCH):
        grey = np.asarray(images[start : start + _STRETCH]).mean(axis=3, dtype=np.float32)
        made = _resized(grey, side)
        made -= _blurred(made)
        across, down = made.mean(axis=2, keepdims=True), made.mean(axis=1, keepdims=True)
        blocks.append(made - across - down + made.mean(axis=(1, 2), keepdims=True))
    return np.concatenate(blocks)


def aligned_correlation(
    small_NSS: NDArray[np.floating[Any]], left_P: NDArray[np.int64], right_P: NDArray[np.int64]
) -> Floats32:
    """The highest correlation of the images of each pair, (P,) from −1 to 1.

    Args:
        small_NSS: from `small`.
        left_P: positions of one image of each pair.
        right_P: of the other.
    """
    parts = [
        _best(*(small_NSS[places[some]].astype(np.float32) for places in (left_P, right_P)))
        for some in (slice(start, start + _STRETCH) for start in range(0, len(left_P), _STRETCH))
    ]
    return np.concatenate([np.zeros(0, np.float32), *parts])


def _best(one_PSS: Floats32, other_PSS: Floats32) -> Floats32:
    side = one_PSS.shape[1]
    edge = max(1, round(side * _MOVED))
    best = _placed(one_PSS[:, edge : side - edge, edge : side - edge], other_PSS)
    likely = np.flatnonzero(best > _LIKELY)
    one, other = one_PSS[likely], other_PSS[likely]
    for size in range(side - round(side * _CUT), side):
        found = np.maximum(_placed(_resized(one, size), other), _placed(_resized(other, size), one))
        best[likely] = np.maximum(best[likely], found)
    return best


def _placed(template_Ptt: Floats32, image_PSS: Floats32) -> Floats32:
    """The highest correlation of a smaller image with any window of another one, (P,)."""
    template_Ptt = template_Ptt - template_Ptt.mean(axis=(1, 2), keepdims=True)
    length_P = np.sqrt(np.square(template_Ptt).sum(axis=(1, 2)))
    best = np.full(len(image_PSS), -1, np.float32)
    for window_Ptt, spread_P in _windows(image_PSS, template_Ptt.shape[1]):
        product_P = np.einsum("pij,pij->p", template_Ptt, window_Ptt)
        scale_P = length_P * spread_P
        np.maximum(best, np.where(scale_P > 1, product_P / np.maximum(scale_P, 1), -1), out=best)
    return best


def _windows(image_PSS: Floats32, size: int) -> Iterator[tuple[Floats32, Floats32]]:
    """Every window of an image, with its standard deviation times its side, (P, t, t) and (P,)."""
    sums, squares = (_sums(values, size) for values in (image_PSS, np.square(image_PSS)))
    spread = np.sqrt(np.maximum(squares - sums**2 / size**2, 0))
    for top in range(image_PSS.shape[1] - size + 1):
        for start in range(image_PSS.shape[2] - size + 1):
            yield image_PSS[:, top : top + size, start : start + size], spread[:, top, start]


def _sums(values_PSS: Floats32, size: int) -> Floats32:
    """The sum of every square of a size, (P, S − t + 1, S − t + 1)."""
    summed = np.pad(values_PSS, ((0, 0), (1, 0), (1, 0))).cumsum(1).cumsum(2)
    return np.asarray(
        summed[:, size:, size:]
        - summed[:, :-size, size:]
        - summed[:, size:, :-size]
        + summed[:, :-size, :-size]
    )


def _resized(images_NHW: Floats32, side: int) -> Floats32:
    """Images of another size, linearly interpolated, (N, side, side)."""
    down, across = (_weights(length, side) for length in images_NHW.shape[1:])
    return np.asarray(np.einsum("kh,nhw,lw->nkl", down, images_NHW, across, optimize=True), np.float32)


def _weights(length: int, side: int) -> Floats32:
    """What each of `side` pixels is made of: a triangle over the pixels of a row, (side, length)."""
    middle = (np.arange(side) + 0.5) * length / side - 0.5
    width = max(1.0, length / side)
    weights = np.maximum(0, 1 - np.abs(middle[:, None] - np.arange(length)) / width)
    return np.asarray(weights / weights.sum(1, keepdims=True), np.float32)


def _blurred(images_NSS: Floats32) -> Floats32:
    """The mean of the square around each pixel, the border repeated, (N, S, S)."""
    size = 2 * _BLUR + 1
    padded = np.pad(images_NSS, ((0, 0), (_BLUR, _BLUR), (_BLUR, _BLUR)), mode="edge")
    return np.asarray(_sums(padded, size) / size**2, np.float32)
