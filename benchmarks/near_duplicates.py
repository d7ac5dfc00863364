"""Which planted copies are found, beside the default rule of cleanlab's Datalab on the same descriptors.

python -m benchmarks.near_duplicates DATA [COUNT] [--sheet pairs.png]
python -m benchmarks.near_duplicates DATA --whole [--sheet pairs.png]
python -m benchmarks.near_duplicates DATA --search

Copies of 5 % of COUNT images are added, a fifth of each kind, and pairs are looked for among all. Precision
is given twice: pairs of the data set's own all count as false, or as `benchmarks.judged` has them (false
where nobody looked). With --whole nothing is planted: all training and test images are searched, and a
random sample of the pairs found is judged. --sheet draws the pairs that are not judged yet. --search times
the exact search alone, beside faiss where that is installed.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.judged import Judged, Pair, draw, judged
from benchmarks.rows import RESULTS, Row, at_least, table
from benchmarks.timing import machine
from memest.auditing.copies import KINDS, copies
from memest.auditing.descriptors import Floats32, descriptors_of, low_frequencies
from memest.auditing.near_duplicates import Duplicates, groups_of
from memest.auditing.neighbours import most_similar
from memest.data import SETS, ImageSet, load_images
from memest.grammar.once import OnceParser

Pairs = set[Pair]
SAMPLE = 200
"""Pairs of a whole data set that are judged."""
SIZES = (5_000, 20_000, 50_000)
"""Images among which searches are timed."""


@dataclass(frozen=True, eq=False)
class Planted:
    """Images with copies among them.

    Attributes:
        images: all of them; ids are positions.
        pairs: the planted ones by kind, original first.
        origin: (N,) where each image, or what it is a copy of, stands in the data set.
    """

    images: ImageSet
    pairs: dict[str, Pairs]
    origin: NDArray[np.int64]

    def own(self, found: Pairs) -> dict[Pair, Pair]:
        """Pairs found that were not planted, with those of the data set that they show."""
        wrong = found.difference(*self.pairs.values())
        shown = {pair: sorted(self.origin[list(pair)].tolist()) for pair in wrong}
        return {pair: (low, high) for pair, (low, high) in shown.items()}


def plant(data: str, count: int) -> Planted:
    """Some images of a data set with copies of a twentieth of them behind."""
    rng = np.random.default_rng(100)
    given = load_images(data).train
    places = rng.permutation(len(given))[:count]
    some = given.take(places)
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
    return Planted(images, pairs, np.concatenate([places, places[sources.ravel()]]))


def ours(images: ImageSet) -> Pairs:
    """The pairs within the groups of an audit."""
    return within([group.ids for group in groups_of(images).groups])


def within(groups: Sequence[Sequence[int]]) -> Pairs:
    """All pairs of members of a group, the lower first."""
    return {(min(a, b), max(a, b)) for group in groups for n, a in enumerate(group) for b in group[n + 1 :]}


def cleanlabs(images: ImageSet) -> Pairs:
    """Pairs by Datalab's default rule: cosine distance below .13 of the median to the nearest neighbour."""
    from sklearn.neighbors import NearestNeighbors

    described_ND = descriptors_of(images.images, low_frequencies)
    distance, near = NearestNeighbors(n_neighbors=10, metric="cosine").fit(described_ND).kneighbors()
    rows, columns = np.nonzero(distance < 0.13 * np.median(distance[:, 0]))
    others = near[rows, columns]
    return {(min(a, b), max(a, b)) for a, b in zip(rows.tolist(), others.tolist(), strict=True)}


def rows_of(who: str, found: Pairs, planted: Planted, said: Judged) -> Iterator[Row]:
    """Precision, by what was planted and by eye, and recall by kind."""
    own = planted.own(found)
    same = sum(pair in said.one for pair in own.values())
    yield Row(f"{who}: precision, all own pairs false", 1 - len(own) / max(1, len(found)), "share")
    by_eye = 1 - (len(own) - same) / max(1, len(found))
    yield at_least(0.99, Row(f"{who}: precision, own pairs by eye", by_eye, "share"))
    yield Row(f"{who}: own pairs found", len(own), "pairs")
    yield Row(f"{who}: own pairs nobody looked at", len(said.unknown(own.values())), "pairs")
    for kind, pairs in planted.pairs.items():
        yield Row(f"{who}: {kind} copies found", len(found & pairs) / len(pairs), "share")


def whole_rows(found: Duplicates, seconds: float, sample: Pairs, pairs: Pairs, said: Judged) -> Iterator[Row]:
    """What is found among all images of a data set, and how much of a sample of it is right."""
    yield Row("processor time", seconds, "s")
    yield Row("threshold of low frequencies", found.threshold, "cosine")
    yield Row("threshold of moved copies", found.aligned, "correlation")
    for relation in ("same label", "conflicting", "test set"):
        yield Row(f"groups: {relation}", sum(g.relation == relation for g in found.groups), "groups")
    yield Row("pairs in groups", len(pairs), "pairs")
    right = len(sample & said.one) / max(1, len(sample))
    yield at_least(0.99, Row(f"precision of {len(sample)} pairs at random, by eye", right, "share"))
    yield Row("of these, nobody looked at", len(said.unknown(sample)), "pairs")


def searches(wanted: argparse.Namespace, said: Judged) -> list[Row]:
    """Processor seconds of the exact search in numpy, and of faiss for the five nearest of each."""
    images = load_images(wanted.data).train.images
    plain, mirrored = (descriptors_of(images, low_frequencies, flip) for flip in (False, True))
    rows = []
    for count in [size for size in SIZES if size <= len(plain)]:
        some = plain[:count], mirrored[:count]
        for name, search in SEARCHES.items():
            if name == "numpy" or find_spec(name):
                began = time.process_time()
                search(*some)
                rows.append(Row(f"{name}, {count:,} images", time.process_time() - began, "s"))
    return rows


def with_numpy(plain: Floats32, mirrored: Floats32) -> None:
    """The search of the audit."""
    most_similar(plain, mirrored, len(plain), 5 * len(plain))


def with_faiss(plain: Floats32, mirrored: Floats32) -> None:
    """The five nearest of each image, and of its mirror image."""
    import faiss  # type: ignore[import-not-found, import-untyped, unused-ignore]

    index = faiss.IndexFlatIP(plain.shape[1])
    index.add(plain)
    for queries in (plain, mirrored):
        index.search(queries, 6)


SEARCHES = {"numpy": with_numpy, "faiss": with_faiss}


def among_planted(wanted: argparse.Namespace, said: Judged) -> list[Row]:
    """The rows of some images with copies planted among them."""
    planted = plant(wanted.data, wanted.count)
    found = {"memest": ours(planted.images), "cleanlab": cleanlabs(planted.images)}
    if wanted.sheet:
        own = planted.own(set().union(*found.values())).values()
        draw(said.unknown(own), [load_images(wanted.data).train.images], wanted.sheet)
    return [row for who, pairs in found.items() for row in rows_of(who, pairs, planted, said)]


def among_all(wanted: argparse.Namespace, said: Judged) -> list[Row]:
    """The rows of a whole data set, its test set included."""
    split = load_images(wanted.data)
    train = replace(split.train, ids=np.arange(len(split.train)), names=None)
    test = split.test and replace(split.test, ids=np.arange(len(split.test)), names=None)
    began = time.process_time()
    found = groups_of(train, test)
    seconds = time.process_time() - began
    pairs = within([[*g.ids, *(len(train) + int(name) for name in g.test_files)] for g in found.groups])
    ordered = sorted(pairs)
    order = np.random.default_rng(0).permutation(len(ordered))[:SAMPLE]
    sample = {ordered[place] for place in order.tolist()}
    if wanted.sheet:
        draw(said.unknown(sample), [part.images for part in (train, test) if part], wanted.sheet)
    return list(whole_rows(found, seconds, sample, pairs, said))


def main() -> None:
    """Print the rows, and keep them under the name of the data set."""
    parser = OnceParser(__doc__)
    parser.add_argument("data")
    parser.add_argument("count", type=int, nargs="?", default=10_000)
    parser.add_argument("--search", action="store_true", help="only the time of the search")
    parser.add_argument("--whole", action="store_true", help="all training and test images, nothing planted")
    parser.add_argument("--sheet", type=Path, help="picture of the pairs that nobody looked at")
    wanted = parser.parse_args()
    own_file = wanted.data not in ("digits", "fashion_mnist")
    name = wanted.data.rpartition("/")[2].partition(".")[0] if own_file else SETS.short(wanted.data)
    measured = searches if wanted.search else among_all if wanted.whole else among_planted
    rows = measured(wanted, judged(name))
    print(table(rows))
    kept = RESULTS / "near_duplicates.json"
    content = json.loads(kept.read_text()) if kept.is_file() else {}
    name += ", search" * wanted.search or ", all images" * wanted.whole
    content[name] = {
        "machine": machine(torch.device("cpu")),
        "rows": [row.__dict__ for row in rows],
    } | ({} if wanted.whole or wanted.search else {"images": wanted.count})
    kept.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
