"""Which example is which: ids, with clean labels as the proof that two numberings are the same.

Axes: N examples known, M examples asked for.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memest.errors import DataError
from memest.ids import Ids

Integers = NDArray[np.int64]
_RECORD = re.compile(r"(?:.*_)?(\d+)")
_SHOWN = 5


@dataclass(frozen=True)
class Identity:
    """Examples by number, and their labels before any corruption.

    Attributes:
        whose: how an error names them, such as a path or `run 3f2a…`.
        ids: (N,) int64, unique.
        labels: (N,) int64, clean.
        order: whose numbering the ids follow, such as `torchvision`.

    Raises:
        DataError: not one label for each id, or an id twice.
    """

    whose: str
    ids: Integers
    labels: Integers
    order: str

    def __post_init__(self) -> None:
        if self.ids.ndim != 1 or self.ids.shape != self.labels.shape or not len(self.ids):
            raise DataError(
                f"{self.whose} needs an id and a label for each example, at least one, not shapes "
                f"{self.ids.shape} and {self.labels.shape}"
            )
        Ids(self.ids, self.whose)  # refuses an id that is there twice

    def locate(self, wanted: Identity) -> NDArray[np.intp]:
        """The places of the examples asked for among these, (M,).

        Raises:
            DataError: an id that is not here, or a label that is another; the message counts them and
                names the first.
        """
        places_M = Ids(self.ids, self.whose).find(wanted.ids)
        if (absent_M := places_M < 0).any():
            raise DataError(
                f"{self.whose} has {len(self.ids)} examples, but in {wanted.whose} there is an example "
                f"{wanted.ids[absent_M][0]} ({absent_M.sum()} of {len(absent_M)} are missing: "
                f"{_listed(wanted.ids[absent_M])}); {self._orders(wanted)}"
            )
        if (apart_M := self.labels[places_M] != wanted.labels).any():
            pairs = zip(
                wanted.ids[apart_M][:_SHOWN],
                self.labels[places_M][apart_M],
                wanted.labels[apart_M],
                strict=False,
            )
            shown = ", ".join(f"{i}: {theirs} there, {ours} here" for i, theirs, ours in pairs)
            raise DataError(
                f"the clean labels of {self.whose} differ from those of {wanted.whose} for "
                f"{apart_M.sum()} of {len(apart_M)} examples (ids {shown}): another dataset, other classes "
                f"(fine or coarse?), or another order; {self._orders(wanted)}"
            )
        return places_M

    def agrees(self, wanted: Identity) -> bool:
        """Whether the examples asked for are all here, with the same labels."""
        try:
            self.locate(wanted)
        except DataError:
            return False
        return True

    def _orders(self, wanted: Identity) -> str:
        return f"its ids follow {self.order}, those of {wanted.whose} {wanted.order}"


def record_numbers(records_N: NDArray[Any]) -> Integers:
    """The original numbers of TensorFlow Datasets' records, (N,): `train_00042` is 42.

    Args:
        records_N: their `id`, text or bytes, in whatever order they were read.

    Raises:
        DataError: a record without a number at its end.
    """
    numbers = []
    for record in records_N.tolist():
        text = record.decode(errors="replace") if isinstance(record, bytes) else str(record)
        match = _RECORD.fullmatch(text)
        if match is None or int(match[1]) >= 2**63:
            raise DataError(f"expected record ids such as train_00042, numbered below 2^63, not {text!r}")
        numbers.append(int(match[1]))
    return np.array(numbers, np.int64)


def file_numbers(filenames_N: NDArray[Any]) -> Integers:
    """The place of each file in an image folder read in order, (N,): by its folder, then by its name.

    That is the numbering of torchvision's ImageFolder if all of its files are named. ImageNet's names
    begin with their class, so they sort the same with and without their folder.

    Raises:
        DataError: a name twice.
    """
    texts = [name.decode() if isinstance(name, bytes) else str(name) for name in filenames_N.tolist()]
    if len(set(texts)) != len(texts):
        twice = Counter(texts).most_common(1)[0][0]
        raise DataError(
            f"filenames say which example is which, and {twice!r} is there twice; they must be unique"
        )
    in_order = sorted(range(len(texts)), key=lambda place: tuple(texts[place].rpartition("/")))
    numbers_N = np.empty(len(texts), np.int64)
    numbers_N[in_order] = np.arange(len(texts))
    return numbers_N


def _listed(ids: Integers) -> str:
    return ", ".join(map(str, ids[:_SHOWN])) + (", …" if len(ids) > _SHOWN else "")
