"""From pairs to groups of copies. Axes: N images, P pairs."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from memest.auditing.neighbours import Pairs
from memest.data.mapped import Images, MappedImages, facts_of

_BLOCK = 4096


def same_pixels(sets: Iterable[Images]) -> NDArray[np.int64]:
    """For each image of some sets in a row, the number of its content, (N,): equal where all pixels are.

    Numbers count from 0 in the order in which contents come first.
    """
    digests = np.concatenate([_digests(images) for images in sets])
    numbers: dict[bytes, int] = {}
    return np.array([numbers.setdefault(row.tobytes(), len(numbers)) for row in digests], np.int64)


def _digests(images: Images) -> NDArray[np.uint8]:
    if isinstance(images, MappedImages):
        return images.content()
    return np.concatenate(
        [facts_of(images[start : start + _BLOCK])[0] for start in range(0, len(images), _BLOCK)]
    )


def stars(pairs: Pairs) -> Iterator[dict[int, float]]:
    """Groups in which every image is linked to one in the middle, so that no chain joins what differs.

    The image with most links (of those not yet in a group) and all that it is linked to are a group; the
    rest is grouped further. Yields the members with the similarity that links each to the one in the
    middle, whose own is 1.
    """
    links: dict[int, dict[int, float]] = defaultdict(dict)
    for left, right, similarity in zip(
        pairs.left.tolist(), pairs.right.tolist(), pairs.similarity.tolist(), strict=True
    ):
        links[left][right] = links[right][left] = similarity
    queue = [(-len(others), image) for image, others in links.items()]
    heapq.heapify(queue)
    while queue:
        count, middle = heapq.heappop(queue)
        there = links.get(middle, {})
        if not there:
            continue
        if len(there) < -count:  # some were taken since
            heapq.heappush(queue, (-len(there), middle))
            continue
        members = {middle: 1.0, **there}
        _take(links, members)
        yield members


def _take(links: dict[int, dict[int, float]], members: Iterable[int]) -> None:
    """Remove images and all links to them."""
    for image in members:
        for other in links.pop(image, {}):
            links.get(other, {}).pop(image, None)
