"""A review of labels: what to look at next, how many labels are wrong, and when to stop.

People look down the list, in whole steps of it, and at a random part: all examples in an order drawn from
the fingerprint of the data set and a seed, from its beginning. Whatever the list is worth, those of the
random part that stand below the steps looked at are a random draw from all that stand there: they say how
many errors are left. Axes: N examples.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from memest.auditing.error_rate import least_wrong, most_wrong
from memest.auditing.findings import Integers, WrongShare

STEP = 100
"""The list is looked at in steps of so many."""
LOOK = 50
"""The random part is judged when so many of it are decided, then when twice as many are, and so on."""
ALPHA = 0.05
_WRONG = ("wrong", "remove")


@dataclass(frozen=True, eq=False)
class Order:
    """In which orders examples are looked at.

    Attributes:
        ids: (N,) int64.
        place: (N,) int64 from 1, in the list: that of the report, then all others.
        draw: (N,) int64 from 1, the random order.
    """

    ids: Integers
    place: Integers
    draw: Integers

    @cached_property
    def listed(self) -> list[int]:
        """The ids in the order of the list."""
        return [int(number) for number in self.ids[np.argsort(self.place)]]

    @cached_property
    def drawn(self) -> list[int]:
        """The ids in the random order."""
        return [int(number) for number in self.ids[np.argsort(self.draw)]]


def random_order(ids: Integers, fingerprint: str, seed: int = 0) -> Integers:
    """The place of each example in the random order, from 1, (N,): drawn from fingerprint and seed alone."""
    digest = hashlib.sha256(f"{fingerprint}/review/{seed}".encode()).digest()
    places = np.random.default_rng(int.from_bytes(digest[:8], "little")).permutation(len(ids)) + 1
    draw = np.empty(len(ids), np.int64)
    draw[np.argsort(ids)] = places
    return draw


def random_part(ids: Integers, fingerprint: str) -> Integers:
    """The ids of the random part that the first look needs, in their order, at most (50,)."""
    return ids[np.argsort(random_order(ids, fingerprint))][:LOOK]


@dataclass(frozen=True)
class Standing:
    """What a review came to so far.

    Attributes:
        found: labels decided to be wrong.
        unsure: labels that were looked at and not decided.
        looked: how far down the list everything is decided, in whole steps.
        drawn: how many of the random part are decided, from its beginning, that stand below.
        estimate: the share of wrong labels with its 95 % interval; None: nothing drawn below yet.
        recall: the least share of all errors that is found, with 95 % certainty over all looks together;
            0 before the first look.
        target: the recall at which to stop.
    """

    found: int
    unsure: int
    looked: int
    drawn: int
    estimate: WrongShare | None
    recall: float
    target: float

    @property
    def stop(self) -> bool:
        """Whether the target is reached, for certain enough."""
        return self.recall >= self.target


def standing(order: Order, decisions: Mapping[int, str], target: float = 0.9) -> Standing:
    """What the decisions so far say.

    A label that is decided `unsure` counts as either: right for lower bounds, wrong for upper ones. Looks
    are fixed beforehand: look j is when 50 · 2^(j−1) of the random part are decided; at look j with s − 1
    steps of the list decided the bound may fail with probability α / (j (j + 1) s (s + 1)): over all
    looks and steps together with at most α = 5 %.

    Args:
        order: of the examples.
        decisions: right, wrong, unsure or remove (counted as wrong), by id.
        target: recall at which to stop.
    """
    looked = _looked(order, decisions)
    drawn = _prefix(order.drawn, decisions)
    top = set(order.listed[:looked])
    below = [number for number in order.drawn[:drawn] if number not in top]
    estimate = _estimate(order, decisions, looked, below)
    recall = _recall(order, decisions, looked, drawn)
    found, unsure = _wrong(decisions, decisions), _unsure(decisions, decisions)
    return Standing(found, unsure, looked, len(below), estimate, recall, target)


def to_look_at(order: Order, decisions: Mapping[int, str]) -> dict[int, str]:
    """What to look at next, by id, without what is decided.

    First the random part up to the next look (`random`), then the next step of the list (`list`).
    """
    goal = _looked(order, decisions) + STEP
    listed = [number for number in order.listed[:goal] if number not in decisions]
    look = LOOK
    while look <= _prefix(order.drawn, decisions):
        look *= 2
    drawn = [number for number in order.drawn[:look] if number not in decisions]
    return dict.fromkeys(drawn, "random") | dict.fromkeys([one for one in listed if one not in drawn], "list")


def _looked(order: Order, decisions: Mapping[int, str]) -> int:
    """How far down the list all is decided, in whole steps."""
    reached = _prefix(order.listed, decisions)
    return reached if reached == len(order.listed) else reached // STEP * STEP


def _prefix(numbers: list[int], decisions: Mapping[int, str]) -> int:
    """How many are decided before the first that is not."""
    return next((place for place, number in enumerate(numbers) if number not in decisions), len(numbers))


def _wrong(numbers: Mapping[int, str] | list[int], decisions: Mapping[int, str]) -> int:
    return sum(decisions[number] in _WRONG for number in numbers)


def _unsure(numbers: Mapping[int, str] | list[int], decisions: Mapping[int, str]) -> int:
    return sum(decisions[number] == "unsure" for number in numbers)


def _estimate(order: Order, decisions: Mapping[int, str], looked: int, below: list[int]) -> WrongShare | None:
    """The share of wrong labels: those found in the list, and those below by the random part."""
    count, rest = len(order.ids), len(order.ids) - looked
    if rest and not below:
        return None
    top = order.listed[:looked]
    found, unsure = _wrong(top, decisions), _unsure(top, decisions)
    wrong, open_ = _wrong(below, decisions), _unsure(below, decisions)
    low = least_wrong(wrong, len(below), rest, ALPHA / 2)
    high = most_wrong(wrong + open_, len(below), rest, ALPHA / 2)
    guess = found + (wrong / len(below) * rest if below else 0)
    reviewed = looked + len(below)
    return WrongShare(guess / count, (found + low) / count, (found + unsure + high) / count, reviewed)


def _recall(order: Order, decisions: Mapping[int, str], looked: int, drawn: int) -> float:
    """The lower bound of the recall at the last look that was reached."""
    rest = len(order.ids) - looked
    look, number = LOOK, 1
    while 2 * look <= drawn:
        look, number = 2 * look, number + 1
    if rest and drawn < look:
        return 0.0
    top = set(order.listed[:looked])
    below = [one for one in order.drawn[:look] if one not in top] if rest else []
    step = -(-looked // STEP) + 1
    alpha = ALPHA / (number * (number + 1) * step * (step + 1))
    open_ = _unsure(below, decisions)
    most = most_wrong(_wrong(below, decisions) + open_, len(below), rest, alpha) if rest else 0
    found_below = sum(kind in _WRONG for one, kind in decisions.items() if one not in top)
    missed = max(0, most - found_below) + _unsure(list(top), decisions)
    found = _wrong(decisions, decisions)
    return found / (found + missed) if found + missed else 1.0
