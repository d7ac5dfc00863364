"""Images that show the same: exact copies by their pixels, near ones by how similar two images look.

Two searches: by low frequencies, and by spectra and alignment for what was moved or cut. The threshold of
each is found on the images themselves: copies are made of some of them, and the lowest similarity is taken at
which 99 % of the pairs found by both are copies. Axes: N images, D numbers, P pairs, m copied images.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memest.auditing.copies import KINDS, copies
from memest.auditing.descriptors import Describe, Floats32, descriptors_of, low_frequencies
from memest.auditing.findings import Group, Relation
from memest.auditing.grouping import same_pixels, stars
from memest.auditing.moved import moved_copies, moved_pairs, spectra_of
from memest.auditing.neighbours import NO_PAIRS, Pairs, joined, most_similar
from memest.auditing.similarity_threshold import find_threshold
from memest.data import ImageSet
from memest.data.mapped import Images, chosen

_SAMPLE = 300
"""Images that copies are made of."""
_EACH = 5
"""Pairs kept for each image, so that memory is bounded."""


@dataclass(frozen=True)
class Duplicates:
    """Groups of copies, and how they were told apart from images that are alike by chance.

    Attributes:
        groups: the largest first.
        threshold: the cosine from which two images are called copies.
        aligned: the correlation from which candidates that were moved or cut are called so.
        precision: the share of copies among the pairs above either, as estimated.
        recall: the share of planted copies above either, by the kind of copy.
    """

    groups: tuple[Group, ...]
    threshold: float
    aligned: float
    precision: float
    recall: Mapping[str, float]


def groups_of(
    images: ImageSet, test: ImageSet | None = None, describe: Describe = low_frequencies, seed: int = 0
) -> Duplicates:
    """The groups of copies in a training set, and between it and a test set.

    Args:
        images: the training set.
        test: copies are looked for between it and the training set, not within it.
        describe: what two images are compared by.
        seed: of the copies that are planted.
    """
    sets = [images.images] if test is None else [images.images, test.images]
    content = same_pixels(sets)
    first = np.unique(content, return_index=True)[1]
    train = int((first < len(images)).sum())
    kept = [chosen(pixels, places) for pixels, places in _split(first, len(images), sets)]
    plain, mirrored = (
        np.concatenate([descriptors_of(pixels, describe, flip) for pixels in kept]) for flip in (False, True)
    )
    pairs = most_similar(plain, mirrored, train, _EACH * len(plain)) if len(plain) > 1 else NO_PAIRS
    some = _sample(kept[0], plain, seed)
    made = _made(kept[0], some, seed)
    near = find_threshold(pairs.similarity, _similar(made, some, describe, plain, mirrored), len(plain))
    spectra = spectra_of(kept)
    candidates = moved_pairs(spectra, train)
    moved = find_threshold(candidates.similarity, moved_copies(spectra, some, made), len(plain))
    both = joined(pairs.above(near.value), candidates.above(moved.value))
    recall = {kind: float((near.found[kind] | moved.found[kind]).mean()) for kind in near.found}
    groups = _groups(images, test, content, both)
    precision = min(near.precision, moved.precision)
    return Duplicates(tuple(groups), near.value, moved.value, precision, recall)


def _split(
    first: NDArray[np.int64], count: int, sets: list[Images]
) -> Iterator[tuple[Images, NDArray[np.int64]]]:
    """Each set with the positions in it of the images that are kept."""
    yield sets[0], first[first < count]
    if len(sets) > 1 and (first >= count).any():
        yield sets[1], first[first >= count] - count


def _sample(images: Images, plain_ND: Floats32, seed: int) -> NDArray[np.int64]:
    """The positions of some training images that there is something to see on, (m,)."""
    some = np.sort(np.random.default_rng(seed).permutation(len(images))[:_SAMPLE])
    return np.asarray(some[np.linalg.norm(plain_ND[some], axis=1) > 0])


def _made(images: Images, some_m: NDArray[np.int64], seed: int) -> dict[str, NDArray[np.uint8]]:
    """Copies of some images by kind, (m, H, W, C) each; none where there are none."""
    if not len(some_m):
        return {}
    rng, originals = np.random.default_rng(seed + 1), np.asarray(images[some_m])
    return {kind: copies(originals, kind, rng) for kind in KINDS}


def _similar(
    made: Mapping[str, NDArray[np.uint8]],
    some_m: NDArray[np.int64],
    describe: Describe,
    plain_ND: Floats32,
    mirrored_ND: Floats32,
) -> dict[str, Floats32]:
    """By kind, the similarity of copies with their originals, (m,)."""
    found = {}
    for kind, copies_mHWC in made.items():
        copied = descriptors_of(copies_mHWC, describe)
        found[kind] = np.maximum(*((copied * own[some_m]).sum(axis=1) for own in (plain_ND, mirrored_ND)))
    return found


def _groups(images: ImageSet, test: ImageSet | None, content: NDArray[np.int64], pairs: Pairs) -> list[Group]:
    """Exact and near groups, the largest first."""
    members: dict[int, list[int]] = {}
    for position, number in enumerate(content.tolist()):
        members.setdefault(number, []).append(position)
    near = list(stars(pairs))
    linked = {number for group in near for number in group}
    exact = [{number: 1.0} for number, same in members.items() if len(same) > 1 and number not in linked]
    groups = [
        _group(images, test, [place for number in group for place in members[number]], group)
        for group in near + exact
        if any(members[number][0] < len(images) for number in group)
    ]
    return sorted(groups, key=lambda group: (-len(group.ids) - len(group.test_files), group.ids))


def _group(images: ImageSet, test: ImageSet | None, places: list[int], links: Mapping[int, float]) -> Group:
    """One group, of images at some places of the training set with the test set behind it."""
    count = len(images)
    own = np.array([place for place in places if place < count], np.int64)
    own = own[np.argsort(images.ids[own])]
    others = np.array(sorted(place - count for place in places if place >= count), np.int64)
    relation: Relation = "same label" if len(np.unique(images.labels[own])) == 1 else "conflicting"
    return Group(
        ids=tuple(images.ids[own].tolist()),
        files=names_of(images, own),
        test_files=() if test is None else names_of(test, others),
        exact=len(links) == 1,
        relation="test set" if len(others) else relation,
        similarity=min(1.0, min(links.values())),
    )


def names_of(images: ImageSet, places: NDArray[np.int64]) -> tuple[str, ...]:
    """The names of some images; their ids as text where they have none."""
    names = images.ids if images.names is None else images.names
    return tuple(map(str, names[places].tolist()))
