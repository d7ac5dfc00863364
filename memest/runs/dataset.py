"""What a run trained on and what it observed: kept with the run, and made again from it.

Axes: N examples observed, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memest.data import SETS, ImageSet, Part, Split, Truth, load_images
from memest.ids import Ids
from memest.store import SheetReader, SheetWriter
from memest.store.tables import array_bytes, read_table, write_table

TRAINED, PROBABILITIES = "sheet/trained.parquet", "sheet/probabilities.npy"
"""What a part keeps: ids and stage (from 0) of what it trained on; (N, C) of what it observed."""


def keep_part(
    sheet: SheetWriter, images: ImageSet, part: Part, probabilities_NC: NDArray[np.float32]
) -> None:
    """Keep what a part trained on, by id and stage, and what its network says of those it observed."""
    columns = {
        "id": np.concatenate([images.ids[stage] for stage in part.stages]),
        "stage": np.repeat(np.arange(len(part.stages)), [len(stage) for stage in part.stages]),
    }
    sheet.keep(TRAINED, write_table(columns))
    sheet.keep(PROBABILITIES, array_bytes(probabilities_NC))


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
        return self.images if self.part.plain else self.images.take(self.part.observed)


def rebuild(sheet: SheetReader, config: dict[str, Any]) -> Rebuilt:
    """The images and labels of a finished run, from its dataset and its stored truth.

    Nothing is drawn again: labels come from the sheet, and the result must have its fingerprint.

    Raises:
        FingerprintError: the dataset is not what it was.
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
