"""The images and labels that a finished run was trained on, made again from its dataset and its sheet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from memest.data.images import ImageSet, Split
from memest.data.protocols import Part
from memest.data.sources.base import SETS, load_images
from memest.data.truth import Truth
from memest.ids import Ids
from memest.store import SheetReader
from memest.store.tables import read_table

TRAINED = "sheet/trained.parquet"
"""What a part of a protocol keeps: ids and stage (from 0) of what it trained on."""


@dataclass(frozen=True, eq=False)
class Rebuilt:
    """What a finished run was trained on and what it observed.

    Attributes:
        split: the clean dataset.
        images: as they were trained on, all of them.
        truth: of all of them.
        part: positions of those trained on and observed.
    """

    split: Split
    images: ImageSet
    truth: Truth
    part: Part

    @property
    def observed(self) -> ImageSet:
        """The examples that the sheet is about."""
        whole = self.part.plain and len(self.part.observed) == len(self.images)
        return self.images if whole else self.images.take(self.part.observed)


def rebuild(sheet: SheetReader, config: Mapping[str, Any]) -> Rebuilt:
    """The images and labels of a finished run.

    Nothing is drawn again: labels come from the sheet, and the result must have its fingerprint.

    Args:
        config: the settings of the run, as its sheet has them.

    Raises:
        DataError: the dataset cannot be had here, or is not what it was.
        FingerprintError: the images are not what they were.
    """
    split = load_images(config["data"], int(config["limit"]))
    truth = Truth.from_columns(sheet.truth(), sheet.manifest.header.corruption)
    images = truth.apply(split.train)
    rebuilt = Rebuilt(split, images, truth, _part(sheet, images))
    sheet.require(rebuilt.observed.fingerprint, f"dataset {SETS.short(config['data'])}")
    return rebuilt


def _part(sheet: SheetReader, images: ImageSet) -> Part:
    """What was trained on and observed: everything, unless the sheet says otherwise."""
    everything = np.arange(len(images))
    if TRAINED not in [kept.name for kept in sheet.manifest.kept]:
        return Part((everything,), everything)
    known = Ids(images.ids, "the dataset")
    trained = read_table(sheet.kept(TRAINED))
    positions = known.locate(trained["id"])
    stages = tuple(positions[trained["stage"] == stage] for stage in np.unique(trained["stage"]))
    return Part(stages, known.locate(sheet.summary(["id"])["id"]))
