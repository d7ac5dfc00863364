"""Which planted copies are found, beside the default rule of cleanlab's Datalab on the same descriptors.

python -m benchmarks.near_duplicates DATA [COUNT]

Copies of 5 % of COUNT images are added, a fifth of each kind, and pairs are looked for among all. Pairs of
the data set's own count as false. faiss, where it is installed, is timed on the same search.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.util import find_spec

import numpy as np
import torch

from benchmarks.rows import RESULTS, Row, at_least, table
from benchmarks.timing import machine
from memest.auditing.copies import KINDS, copies
from memest.auditing.descriptors import descriptors_of, low_frequencies
from memest.auditing.near_duplicates import groups_of
from memest.auditing.neighbours import most_similar
from memest.data import SETS, ImageSet, load_images

Pairs = set[tuple[int, int]]


@dataclass(frozen=True, eq=False)
class Planted:
    """Images with copies among them.

    Attributes:
        images: all of them; ids are positions.
        pairs: the planted ones by kind, original first.
    """

    images: ImageSet
    pairs: dict[str, Pairs]


def plant(data: str, count: int) -> Planted:
    """Some images of a data set with copies of a twentieth of them behind."""
    rng = np.random.default_rng(100)
    given = load_images(data).train
    some = given.take(rng.permutation(len(given))[:count])
    pixels = np.asarray(some.images)
    each = max(1, len(some) // 20 // len(KINDS))
    sources = rng.permutation(len(some))[: each * len(KINDS)].reshape(len(KINDS), each)
    added = [copies(pixels[own], kind, rng) for kind, own in zip(KINDS, sources, strict=True)]
    labels = np.concatenate([some.labels, some.labels[sources.ravel()]])
    everything = np.concatenate([pixels, *added])
    images = replace(some, images=everything, labels=labels, ids=np.arange(len(labels)), names=None)
    first = len(some) + each * np.arange(len(KINDS))
    pairs = {
        kind: {(int(own), int(start + n)) for n, own in enumerate(row)}
        for kind, row, start in zip(KINDS, sources, first, strict=True)
    }
    return Planted(images, pairs)


def ours(images: ImageSet) -> Pairs:
    """The pairs within the groups of an audit."""
    groups = groups_of(images).groups
    return {(a, b) for group in groups for n, a in enumerate(group.ids) for b in group.ids[n + 1 :]}


def cleanlabs(images: ImageSet) -> Pairs:
    """Pairs by Datalab's default rule: cosine distance below .13 of the median to the nearest neighbour."""
    from sklearn.neighbors import NearestNeighbors

    described_ND = descriptors_of(images.images, low_frequencies)
    distance, near = NearestNeighbors(n_neighbors=10, metric="cosine").fit(described_ND).kneighbors()
    rows, columns = np.nonzero(distance < 0.13 * np.median(distance[:, 0]))
    others = near[rows, columns]
    return {(min(a, b), max(a, b)) for a, b in zip(rows.tolist(), others.tolist(), strict=True)}


def judged(who: str, found: Pairs, planted: Planted) -> Iterator[Row]:
    """Precision, and recall by kind."""
    right = set[tuple[int, int]]().union(*planted.pairs.values())
    yield at_least(0.99, Row(f"{who}: precision", len(found & right) / max(1, len(found)), "share"))
    for kind, pairs in planted.pairs.items():
        yield Row(f"{who}: {kind} copies found", len(found & pairs) / len(pairs), "share")


def search_seconds(images: ImageSet) -> Iterator[Row]:
    """Processor seconds of the exact search in numpy, and of faiss for the five nearest of each."""
    plain, mirrored = (descriptors_of(images.images, low_frequencies, flip) for flip in (False, True))
    began = time.process_time()
    most_similar(plain, mirrored, len(plain), 5 * len(plain))
    yield Row("search with numpy, mirror images too", time.process_time() - began, "s")
    if find_spec("faiss"):
        import faiss  # type: ignore[import-not-found, import-untyped, unused-ignore]

        began = time.process_time()
        index = faiss.IndexFlatIP(plain.shape[1])
        index.add(plain)
        for queries in (plain, mirrored):
            index.search(queries, 6)
        yield Row("search with faiss, mirror images too", time.process_time() - began, "s")


def main() -> None:
    """Print the rows, and keep them under the name of the data set."""
    data, count = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 10_000
    planted = plant(data, count)
    rows = [
        *judged("memest", ours(planted.images), planted),
        *judged("cleanlab", cleanlabs(planted.images), planted),
        *search_seconds(planted.images),
    ]
    print(table(rows))
    kept = RESULTS / "near_duplicates.json"
    content = json.loads(kept.read_text()) if kept.is_file() else {}
    name = (
        SETS.short(data) if data in ("digits", "fashion_mnist") else data.rpartition("/")[2].partition(".")[0]
    )
    content[name] = {
        "machine": machine(torch.device("cpu")),
        "images": count,
        "rows": [row.__dict__ for row in rows],
    }
    kept.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
