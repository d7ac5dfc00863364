"""Joins by example id: rows of different tables are brought together by their ids, never by their position.

    here = Ids(facts["id"], "run 3f2a")
    values[here.align(Ids(later["id"], "a later sheet"))]      another table's rows, in the order of these
    here.locate(wanted)                                        where some examples stand

Axes: N ids known here, M ids of another table.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from memest.errors import DataError, MemestError

Places: TypeAlias = NDArray[np.intp]
_SHOWN = 5


class Ids:
    """The ids of a table's rows; each example stands there once.

    Args:
        ids_N: integers, (N,), in the order of the rows.
        whose: how an error names the table, such as `run 3f2a` or a path.
        error: raised for ids that do not fit; `SheetError` for what memest itself stored.

    Raises:
        DataError: (or `error`) an id twice, or what is no vector of integers.
    """

    def __init__(self, ids_N: ArrayLike, whose: str, error: type[MemestError] = DataError) -> None:
        came = np.asarray(ids_N)
        if came.ndim != 1 or came.dtype.kind not in "iu":
            raise error(f"the ids of {whose} must be a vector of integers, not {came.dtype} of {came.shape}")
        self.ids: NDArray[np.int64] = came.astype(np.int64, copy=False)
        self.whose = whose
        self._error = error
        if len(twice := np.unique(self._sorted[1:][self._sorted[1:] == self._sorted[:-1]])):
            raise error(f"{whose} has {self._positions(twice)}; ids must be unique")

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def order(self) -> Places:
        """The places of the rows by ascending id, (N,)."""
        return np.argsort(self.ids, kind="stable")

    @cached_property
    def _sorted(self) -> NDArray[np.int64]:
        return self.ids[self.order]

    def find(self, wanted_M: ArrayLike) -> Places:
        """The place of each id asked for, (M,); −1 for one that is not here."""
        wanted_M = np.asarray(wanted_M)
        if not len(self):
            return np.full(wanted_M.shape, -1, np.intp)
        near_M = np.searchsorted(self._sorted, wanted_M).clip(max=len(self) - 1)
        return np.where(self._sorted[near_M] == wanted_M, self.order[near_M], -1)

    def locate(self, wanted_M: ArrayLike) -> Places:
        """The place of each id asked for, (M,).

        Raises:
            DataError: (or `error`) an id that is not here; names the first few.
        """
        wanted_M = np.asarray(wanted_M)
        places_M = self.find(wanted_M)
        if (unknown_M := places_M < 0).any():
            raise self._error(
                f"{self.whose} has no {_listed('id', np.unique(wanted_M[unknown_M]))} "
                f"({int(unknown_M.sum())} of {len(wanted_M)} are not among its {len(self)} examples)"
            )
        return places_M

    def align(self, other: Ids) -> Places:
        """The places in the other table of these examples, (N,): its rows, in the order of these.

        Raises:
            DataError: (or `error`) the other has other examples; names one that either lacks.
        """
        places_N = other.find(self.ids)
        self._require(other, self.ids[places_N < 0])
        return places_N

    def require(self, other: Ids) -> None:
        """Refuse a table that has not these very examples in this order.

        Raises:
            DataError: (or `error`) it has others, names one; or the same in another order.
        """
        if not np.array_equal(self.align(other), np.arange(len(self))):
            raise self._error(f"{other.whose} has the examples of {self.whose} in another order")

    def among(self, some: ArrayLike) -> NDArray[np.bool_]:
        """Which of these examples are among `some` ids, (N,)."""
        return np.isin(self.ids, some)

    def common(self, other: Ids) -> tuple[Places, Places]:
        """The places here and there of the examples that both tables have, by ascending id."""
        _, here, there = np.intersect1d(self.ids, other.ids, assume_unique=True, return_indices=True)
        return here, there

    def _positions(self, twice: NDArray[np.int64]) -> str:
        """`id 7 at positions 3, 9`: of the double id that comes first, and how many more there are."""
        first = self.ids[self.among(twice)][0]
        places = ", ".join(map(str, np.flatnonzero(self.ids == first)[:_SHOWN].tolist()))
        more = f" ({len(twice)} ids stand more than once)" if len(twice) > 1 else ""
        return f"id {first} at positions {places}{more}"

    def _require(self, other: Ids, lacking: NDArray[np.int64]) -> None:
        """Raise where the other table lacks some of these examples, or has more than these."""
        if len(lacking):
            raise self._error(
                f"{other.whose} holds other examples than {self.whose}: it lacks {_listed('id', lacking)}"
            )
        if len(other) != len(self):
            more = other.ids[self.find(other.ids) < 0]
            raise self._error(
                f"{other.whose} holds other examples than {self.whose}: it also has {_listed('id', more)}"
            )


def _listed(noun: str, ids: NDArray[Any]) -> str:
    """`id 7`, or `ids 1, 2, 3, …`."""
    shown = ", ".join(map(str, ids[:_SHOWN].tolist())) + (", …" if len(ids) > _SHOWN else "")
    return f"{noun}{'s' if len(ids) > 1 else ''} {shown}"
