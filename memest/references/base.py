"""What a reference is: one published value per example, of known identity and direction.

Axes: N examples known, M examples asked for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memest.arrays import whole_numbers
from memest.errors import DataError
from memest.grammar.registry import Registry
from memest.metrics import Floats
from memest.references.identity import Identity, Integers, file_numbers, record_numbers

OPTIONAL = ("ids", "filenames")
"""Arrays with which a file says which example is which; without them it is in the original order."""


@dataclass(frozen=True)
class Reference:
    """Per-example values to compare scores with; read `hardness`, which asks for the labels.

    Attributes:
        name: for people: what it is.
        ids: (N,) int64.
        values: (N,) float64, finite, as they were published.
        higher_is_harder: whether a higher value means a harder, or more memorized, example.
        labels: (N,) int64, the clean labels that the values belong to.
        order: whose numbering the ids follow.

    Raises:
        DataError: arrays that do not fit, values that are not finite, or lower-is-harder ones outside [0, 1].
    """

    name: str
    ids: Integers
    values: Floats
    higher_is_harder: bool
    labels: Integers
    order: str

    def __post_init__(self) -> None:
        Identity(self.name, self.ids, self.labels, self.order)
        if self.values.shape != self.ids.shape or self.values.dtype != np.float64:
            raise DataError(
                f"{self.name} needs a value for each of {len(self.ids)} examples, not {self.values.dtype} of "
                f"shape {self.values.shape}"
            )
        if odd := np.count_nonzero(~np.isfinite(self.values)):
            raise DataError(f"{self.name} has {odd} values that are NaN or infinite; leave them out")
        low, high = self.values.min(), self.values.max()
        if not self.higher_is_harder and (low < 0 or high > 1):
            raise DataError(
                f"{self.name} is lower for harder examples, so hardness is 1 − value and values must lie in "
                f"[0, 1], not [{low:g}, {high:g}]"
            )

    @cached_property
    def identity(self) -> Identity:
        """Whose values these are."""
        return Identity(self.name, self.ids, self.labels, self.order)

    @cached_property
    def sha256(self) -> str:
        """SHA-256, in hex, over ids, labels, values and direction."""
        content = hashlib.sha256(f"{self.higher_is_harder}".encode())
        for array in (self.ids, self.labels, self.values):
            content.update(np.ascontiguousarray(array).data)
        return content.hexdigest()

    def hardness(self, wanted: Identity) -> Floats:
        """Values of the examples asked for, higher = harder, (M,): the value, or 1 − value.

        Raises:
            DataError: an example that has none, or whose clean label is another.
        """
        values_M = self.values[self.identity.locate(wanted)]
        return values_M if self.higher_is_harder else 1 - values_M


REFERENCES: Registry[Callable[..., Reference]] = Registry("reference", "memest.references")


def numbering(
    arrays: Mapping[str, NDArray[Any]], count: int, path: str, original: str
) -> tuple[Integers, str]:
    """The ids of a file's examples, (N,), and whose numbering they follow.

    `ids` are numbers, or records of TensorFlow Datasets such as `train_00042`; `filenames` are places in an
    image folder; with neither, the examples stand in the `original` order.

    Raises:
        DataError: they are not one for each example, or cannot be read.
    """
    found = next((arrays[name] for name in OPTIONAL if name in arrays), None)
    if found is None:
        return np.arange(count), original
    if found.shape != (count,):
        raise DataError(f"{path}: {count} examples need as many ids or filenames, not {found.shape}")
    if "ids" not in arrays:
        return file_numbers(found), "imagefolder"
    return (
        whole_numbers(found, "ids", path) if found.dtype.kind in "iu" else record_numbers(found)
    ), original


def numbers(values: NDArray[Any], name: str, path: str) -> Floats:
    """Values from a file as float64, (N,).

    Raises:
        DataError: other types or shapes.
    """
    if values.ndim != 1 or values.dtype.kind not in "biuf":
        raise DataError(f"{path}: {name} must be numbers (N,), not {values.dtype} {values.shape}")
    return values.astype(np.float64)
