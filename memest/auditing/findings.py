"""What an audit found: one row for each example, groups of duplicates, and how far to trust them.

Axes: N examples, K classes, E epochs, B bins.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]
Kind = Literal["fine", "wrong", "ambiguous", "rare", "duplicate"]
"""What is the matter with an example: its label is wrong; more than one label fits; it is right and unlike
the others of its class; it is a copy. An image that cannot be read has no row: `Findings.unreadable`."""
Relation = Literal["same label", "conflicting", "test set"]
"""Copies with one label, with several, or on both sides of the split."""


@dataclass(frozen=True)
class Group:
    """Images that show the same.

    Attributes:
        ids: those in the training set, ascending.
        files: their names, in the order of `ids`; ids as text where images have no names.
        test_files: names of those in the test set.
        exact: whether all pixels are equal.
        relation: of their labels, or that the group reaches into the test set.
        similarity: the smallest that links two of them, from 0 to 1.
    """

    ids: tuple[int, ...]
    files: tuple[str, ...]
    test_files: tuple[str, ...]
    exact: bool
    relation: Relation
    similarity: float


@dataclass(frozen=True, eq=False)
class Planted:
    """Errors planted on purpose, and where the ranking puts them. They are no findings.

    The examples have their rows: each is judged by its own label, by networks that never saw it.

    Attributes:
        count: how many were planted.
        found: how many of them stand among the first k of the ranking, (N,) int64 for k = 1 … N.
        how: how they were drawn, in words.
    """

    count: int
    found: Integers
    how: str


@dataclass(frozen=True)
class WrongShare:
    """The share of wrong labels.

    Attributes:
        share: the best guess, from 0 to 1.
        low: lower end of the interval, or the guess itself where there is none.
        high: upper end.
        reviewed: how many labels were looked at for it; 0: a guess from the model alone, and to be called so.
        unknown: why a guess says nothing, in words; empty where it does.
    """

    share: float
    low: float
    high: float
    reviewed: int
    unknown: str = ""


@dataclass(frozen=True, eq=False)
class Reliability:
    """How often a label is wrong that is said to be wrong with a probability, on the planted errors.

    Attributes:
        said: (B,) the mean probability of a bin.
        observed: (B,) the share of wrong ones in it.
        count: (B,) examples in it.
    """

    said: Floats
    observed: Floats
    count: Integers


@dataclass(frozen=True, eq=False)
class Audited:
    """The data set that was audited, as its owner knows it.

    Attributes:
        dataset: the data spec, in the grammar.
        fingerprint: of the images and given labels.
        classes: (K,) class names.
        ids: (N,) int64.
        files: (N,) the name of each example; its id as text where it has none.
        labels: (N,) int64, the given ones.
        unreadable: images that could not be read, by name, with the reason.
    """

    dataset: str
    fingerprint: str
    classes: tuple[str, ...]
    ids: Integers
    files: tuple[str, ...]
    labels: Integers
    unreadable: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False, kw_only=True)
class Findings(Audited):
    """What an audit found of a data set.

    Attributes:
        suggested: (N,) int64, the most probable other class, by networks that never saw the example.
        probability: (N,) that the given label is wrong, calibrated.
        rank: (N,) int64 from 1, the most suspicious label first.
        kind: (N,) see `Kind`.
        why: (N,) the reason, in words; empty where the kind is fine.
        groups: duplicates.
        planted: how many planted errors were found; None: none were planted.
        estimate: the share of wrong labels.
        reliability: of `probability`; None: nothing was planted to measure it on.
        epochs: (E,) int64, those of `losses`.
        losses: (E, N) float32, the loss of each example while it was trained on, mean over networks.
        choice: what was chosen (network, size, epochs, folds, …) and what it cost, as words by name.
        limit: how many images of the data set were asked for; 0: all.
        sampled: ids of the random part of a review, in the order in which they are looked at.
        probabilities: (N, K) float32 of each class, by networks that never saw the example; for exports.
        features: (N, D) float32, where the networks put each example; neighbours in exports are near in
            these, else in `probabilities`.
    """

    suggested: Integers
    probability: Floats
    rank: Integers
    kind: NDArray[np.str_]
    why: tuple[str, ...]
    estimate: WrongShare
    groups: tuple[Group, ...] = ()
    planted: Planted | None = None
    reliability: Reliability | None = None
    epochs: Integers = field(default_factory=lambda: np.zeros(0, np.int64))
    losses: NDArray[np.float32] | None = None
    choice: Mapping[str, str] = field(default_factory=dict)
    limit: int = 0
    sampled: Integers = field(default_factory=lambda: np.zeros(0, np.int64))
    probabilities: NDArray[np.float32] | None = None
    features: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def order(self) -> Integers:
        """(N,) positions from the most suspicious label down."""
        return np.argsort(self.rank, kind="stable")

    def table(self) -> dict[str, list[Any]]:
        """The columns of `issues.csv`: one row for each example that is not fine, most suspicious first."""
        chosen = [n for n in self.order.tolist() if self.kind[n] != "fine"]
        return {
            "id": [int(self.ids[n]) for n in chosen],
            "file": [self.files[n] for n in chosen],
            "label": [self.classes[self.labels[n]] for n in chosen],
            "suggested": [self.classes[self.suggested[n]] for n in chosen],
            "probability": [float(self.probability[n]) for n in chosen],
            "kind": [str(self.kind[n]) for n in chosen],
            "rank": [int(self.rank[n]) for n in chosen],
            "why": [self.why[n] for n in chosen],
        }
