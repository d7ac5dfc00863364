"""Which examples a recording is about: ids, names, given labels and classes, as people have them.

Axes: N examples.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from memest.errors import SettingError

GivenIds: TypeAlias = int | Sequence[int] | Sequence[str] | NDArray[Any] | Tensor
"""How many examples there are, for ids 0 … N−1; or the id of each, whole numbers or texts."""


@dataclass(frozen=True, eq=False)
class Examples:
    """The examples of a recording.

    Attributes:
        ids: (N,) int64, unique and not negative; of text ids, their positions.
        names: of the examples, (N,), such as their files, or empty.
        labels: (N,) int64, or None where they are learned from the batches.
        classes: class names, or empty where they are not known.
        texts: whether batches name examples by text.
    """

    ids: NDArray[np.int64]
    names: tuple[str, ...] = ()
    labels: NDArray[np.int64] | None = None
    classes: tuple[str, ...] = ()
    texts: bool = False

    @classmethod
    def of(
        cls,
        ids: GivenIds,
        labels: Sequence[int] | NDArray[Any] | Tensor | None = None,
        classes: Sequence[str] = (),
        names: Sequence[str] = (),
    ) -> Examples:
        """The examples that were described; nothing is guessed.

        Raises:
            SettingError: no ids, an id twice, a negative one, or one label, name or class too many or few.
        """
        given = np.arange(ids) if isinstance(ids, int) else _array(ids)
        texts = given.dtype.kind in "US"
        if given.ndim != 1 or not len(given) or not (texts or given.dtype.kind in "iu"):
            raise SettingError(
                "ids are the number of examples, as in ids=len(dataset), or one number or text for each; "
                f"got {_described(ids, given)}"
            )
        if double := [name for name, count in Counter(given.tolist()).items() if count > 1]:
            raise SettingError(
                f"id {double[0]} is there more than once ({len(double)} such ids): each example needs its "
                "own; give the ids of the dataset, not those that a sampler repeats"
            )
        numbers = np.arange(len(given)) if texts else given.astype(np.int64)
        if numbers.min() < 0:
            raise SettingError(f"ids must not be negative, and one is {numbers.min()}")
        called = tuple(map(str, names)) or (tuple(map(str, given.tolist())) if texts else ())
        _require_one_each("names", called, len(given))
        own = None if labels is None else _labels(labels, len(given), len(classes))
        return cls(numbers, called, own, tuple(map(str, classes)), texts)

    def __len__(self) -> int:
        return len(self.ids)

    def called(self, chosen: NDArray[np.bool_]) -> list[str]:
        """The ids of chosen examples as people gave them, (N,) bool in."""
        return [self.names[n] if self.texts else str(self.ids[n]) for n in np.flatnonzero(chosen)]

    def numbers(self, ids: Any, count: int) -> Tensor:
        """The ids of a batch as int64, (B,); an id that is not known becomes −1.

        Args:
            ids: tensor, array or list, of numbers or, where the recording has text ids, of texts.
            count: B.

        Raises:
            SettingError: they are not one whole number, or text, for each example of the batch.
        """
        if self.texts:
            found = [self._places.get(str(one), -1) for one in ids]
            numbers = torch.tensor(found, dtype=torch.int64)
        else:
            numbers = ids if isinstance(ids, Tensor) else torch.from_numpy(np.asarray(ids))
        if numbers.shape != (count,) or numbers.is_floating_point() or numbers.dtype == torch.bool:
            raise SettingError(
                f"ids must be one whole number for each of the {count} examples of the batch, not "
                f"{numbers.dtype} of shape {tuple(numbers.shape)}"
            )
        return numbers.long()

    @cached_property
    def _places(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.names)}


def _array(ids: Any) -> NDArray[Any]:
    try:
        return ids.cpu().numpy() if isinstance(ids, Tensor) else np.asarray(ids)
    except ValueError as error:
        raise SettingError(f"ids cannot be read as one number or text for each example: {error}") from error


def _described(ids: Any, array: NDArray[Any]) -> str:
    return f"{type(ids).__name__} of {array.dtype} and shape {array.shape}"


def _labels(labels: Any, count: int, classes: int) -> NDArray[np.int64]:
    array = _array(labels)
    if array.dtype.kind not in "iu":
        raise SettingError(f"labels must be whole numbers, one for each example, not {array.dtype}")
    _require_one_each("labels", array, count)
    if array.min() < 0 or (classes and array.max() >= classes):
        top = f"{classes - 1} (there are {classes} classes)" if classes else "the number of classes − 1"
        raise SettingError(f"labels must lie in 0 … {top}; they range from {array.min()} to {array.max()}")
    return array.astype(np.int64)


def _require_one_each(what: str, given: Any, count: int) -> None:
    if len(given) not in ((0, count) if what == "names" else (count,)):
        raise SettingError(f"{what} must be {count}, one for each example, not {len(given)}")
