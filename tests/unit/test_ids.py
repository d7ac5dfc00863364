"""Joins by example id: every place is found as a dictionary finds it, and what does not fit is named."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest

from memest.errors import DataError, SheetError
from memest.ids import Ids

RNG = np.random.default_rng(0)
NUMBERS = RNG.choice(10_000, 200, replace=False)
"""Ids in no order, with gaps."""


def test_examples_are_located_as_a_dictionary_does() -> None:
    """Any of them, in any order, more than once too; an unknown one is at −1 where that is asked for."""
    known = Ids(NUMBERS, "here")
    place = {int(number): n for n, number in enumerate(NUMBERS)}
    wanted = RNG.choice(NUMBERS, 500)
    assert known.locate(wanted).tolist() == [place[int(number)] for number in wanted]
    mixed = RNG.choice(10_000, 300)
    assert known.find(mixed).tolist() == [place.get(int(number), -1) for number in mixed]
    assert known.among(mixed).tolist() == [int(number) in set(mixed.tolist()) for number in NUMBERS]
    assert NUMBERS[known.order].tolist() == sorted(NUMBERS.tolist())
    assert Ids(np.empty(0, int), "nothing").find([3]).tolist() == [-1]


def test_rows_of_another_table_come_in_the_order_of_these() -> None:
    """A permutation is undone; what two tables share is found in both."""
    other = Ids(RNG.permutation(NUMBERS), "there")
    here = Ids(NUMBERS, "here")
    assert (other.ids[here.align(other)] == NUMBERS).all()
    few = Ids(np.append(NUMBERS[50:90], 10_001), "few")
    mine, theirs = here.common(few)
    assert NUMBERS[mine].tolist() == few.ids[theirs].tolist() == sorted(NUMBERS[50:90].tolist())
    here.require(Ids(NUMBERS.copy(), "the same"))


@pytest.mark.parametrize(
    ("attempt", "said"),
    [
        (
            lambda: Ids([4, 7, 4, 9, 7], "a.npz"),
            "a.npz has id 4 at positions 0, 2 (2 ids stand more than once)",
        ),
        (
            lambda: Ids([1.5, 2], "a.npz"),
            "the ids of a.npz must be a vector of integers, not float64 of (2,)",
        ),
        (lambda: Ids([[1], [2]], "a.npz"), "not int64 of (2, 1)"),
        (
            lambda: Ids([4, 7], "a.npz").locate([7, 8]),
            "a.npz has no id 8 (1 of 2 are not among its 2 examples)",
        ),
        (lambda: Ids([4, 7], "a").align(Ids([4, 9], "b")), "b holds other examples than a: it lacks id 7"),
        (lambda: Ids([4], "a").align(Ids([4, 9], "b")), "b holds other examples than a: it also has id 9"),
        (lambda: Ids([4, 7], "a").require(Ids([7, 4], "b")), "b has the examples of a in another order"),
    ],
)
def test_what_does_not_fit_is_named(attempt: Callable[[], object], said: str) -> None:
    """An id that is double, unknown, missing or too many stands in the message, with the table it is in."""
    with pytest.raises(DataError, match=re.escape(said)):
        attempt()


def test_stored_tables_raise_their_own_error() -> None:
    """What memest itself stored and cannot be joined is an error of the sheet, not of the user's input."""
    with pytest.raises(SheetError, match="id 3 at positions 0, 1"):
        Ids([3, 3], "a sheet", SheetError)
    with pytest.raises(SheetError, match="no id 5"):
        Ids([3], "a sheet", SheetError).locate([5])
