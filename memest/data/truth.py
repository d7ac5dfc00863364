"""What a corruption did, example by example: stored with the run and read back, never drawn again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memest.data.images import ImageSet, Integers
from memest.data.mapped import chosen
from memest.errors import DataError
from memest.ids import Ids


@dataclass(frozen=True)
class Truth:
    """The labels an image set was given, and what they were before.

    Attributes:
        ids: (N,) int64, those of the image set.
        labels: (N,) int64, the labels trained on.
        original_labels: (N,) int64, the labels before the corruption.
        changed: (N,) bool, the positives of a detection task.
        partner_ids: (N,) int64, the id whose image an example now shows, −1 for its own.
        spec: the corruption, in the grammar.
    """

    ids: Integers
    labels: Integers
    original_labels: Integers
    changed: NDArray[np.bool_]
    partner_ids: Integers
    spec: str

    @classmethod
    def untouched(cls, images: ImageSet, spec: str = "none") -> Truth:
        """The truth of an image set that nothing was done to."""
        count = len(images)
        return cls(
            ids=images.ids,
            labels=images.labels,
            original_labels=images.labels,
            changed=np.zeros(count, bool),
            partner_ids=np.full(count, -1, np.int64),
            spec=spec,
        )

    def columns(self) -> dict[str, NDArray[Any]]:
        """The table to store: id, label, original_label, changed, partner_id, (N,) each."""
        return {
            "id": self.ids,
            "label": self.labels,
            "original_label": self.original_labels,
            "changed": self.changed,
            "partner_id": self.partner_ids,
        }

    @classmethod
    def from_columns(cls, columns: Mapping[str, NDArray[Any]], spec: str) -> Truth:
        """The truth that was stored, read back."""
        return cls(
            ids=columns["id"],
            labels=columns["label"],
            original_labels=columns["original_label"],
            changed=columns["changed"].astype(bool),
            partner_ids=columns["partner_id"],
            spec=spec,
        )

    def of(self, ids: Integers) -> Truth:
        """The truth of some examples, in the order of `ids`, (M,).

        Raises:
            DataError: it knows nothing of an id.
        """
        place = Ids(self.ids, "the stored truth").locate(ids)
        columns = {name: values[place] for name, values in self.columns().items()}
        return Truth.from_columns(columns, self.spec)

    def apply(self, images: ImageSet) -> ImageSet:
        """The image set as it was trained on, made again from the stored truth without any drawing.

        Args:
            images: the clean image set of the same ids.

        Raises:
            DataError: the ids or the original labels are not those of this truth.
        """
        known = Ids(images.ids, "the dataset")
        Ids(self.ids, "the stored truth").require(known)
        if not np.array_equal(self.original_labels, images.labels):
            count = int((self.original_labels != images.labels).sum())
            raise DataError(
                f"the dataset's labels differ from the stored originals for {count} examples: "
                "not the same dataset, or its labels were changed since the run"
            )
        showing = np.arange(len(images))
        copied = np.flatnonzero(self.partner_ids >= 0)
        showing[copied] = known.locate(self.partner_ids[copied])
        pixels = chosen(images.images, showing) if len(copied) else images.images
        return replace(images, images=pixels, labels=self.labels)
