"""Copies that were moved or cut: found by their spectra, which no move changes much, and aligned.

Candidates are the images whose spectra are nearest; how alike two of them are is their best correlation over
places and sizes. Axes: N images, P pairs, D numbers, S side of the small images, m copied images.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memest.auditing.alignment import aligned_correlation, small
from memest.auditing.descriptors import Floats32
from memest.auditing.neighbours import NO_PAIRS, Pairs, nearest
from memest.data.mapped import Images

_FREQUENCIES = 8
"""Of the spectrum in each direction, up and down."""
_EACH = 5
"""Candidates for each image."""
_STRETCH = 4096


@dataclass(frozen=True, eq=False)
class Spectra:
    """Images as candidates are found among them.

    Attributes:
        small: (N, S, S) float16, as they are aligned.
        spectra: (N, D) float32 of length 1, or 0 where there is nothing to see.
        middle: (D,) what was taken off every spectrum: the mean.
    """

    small: NDArray[np.float16]
    spectra: Floats32
    middle: Floats32


def spectra_of(sets: list[Images], middle: Floats32 | None = None) -> Spectra:
    """The spectra of some sets in a row.

    Args:
        sets: of images.
        middle: what to take off every spectrum; None: their own mean.
    """
    made = np.concatenate([small(images) for images in sets]).astype(np.float16)
    found = [_spectrum(made[start : start + _STRETCH]) for start in range(0, len(made), _STRETCH)]
    spectra_ND = np.concatenate(found)
    middle = spectra_ND.mean(0) if middle is None else middle
    length_N = np.where(spectra_ND.any(1), np.linalg.norm(spectra_ND - middle, axis=1), 0)[:, None]
    unit_ND = (spectra_ND - middle) / np.where(length_N > 1e-3, length_N, np.inf)
    return Spectra(made, unit_ND.astype(np.float32), middle)


def moved_pairs(images: Spectra, first: int) -> Pairs:
    """The candidates of the first images, the most alike first."""
    if len(images.spectra) < 2:
        return NO_PAIRS
    left, right = nearest(images.spectra, first, _EACH)
    similarity = aligned_correlation(images.small, left, right)
    order = np.argsort(-similarity, kind="stable")
    return Pairs(left[order], right[order], similarity[order])


def moved_copies(
    images: Spectra, originals_m: NDArray[np.int64], made: Mapping[str, NDArray[np.uint8]]
) -> dict[str, Floats32]:
    """By kind, how alike copies and their originals are found to be, (m,); −1 where one is no candidate.

    Args:
        images: among which the originals are.
        originals_m: their positions.
        made: (m, H, W, C) copies by kind, in the order of the originals.
    """
    found = {}
    for kind, copies_mHWC in made.items():
        copies = spectra_of([copies_mHWC], images.middle)
        cosines_mN = copies.spectra @ images.spectra.T
        own_m = cosines_mN[np.arange(len(originals_m)), originals_m]
        candidate_m = (cosines_mN > own_m[:, None]).sum(1) < _EACH
        both = np.concatenate([copies.small, images.small[originals_m]])
        places = np.arange(len(originals_m))
        similarity_m = aligned_correlation(both, places, places + len(places))
        found[kind] = np.where(candidate_m, similarity_m, np.float32(-1)).astype(np.float32)
    return found


def _spectrum(small_NSS: NDArray[np.float16]) -> Floats32:
    """The logarithm of the lower frequencies' strength, the border faded out, (N, D)."""
    side = small_NSS.shape[1]
    fade = np.hanning(side + 2)[1:-1].astype(np.float32)
    strength = np.abs(np.fft.rfft2(small_NSS * fade[:, None] * fade))
    count = min(_FREQUENCIES, side // 2)
    kept = np.concatenate([strength[:, : count + 1, : count + 1], strength[:, -count:, : count + 1]], axis=1)
    return np.asarray(np.log1p(kept).reshape(len(small_NSS), -1), np.float32)
