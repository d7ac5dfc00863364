"""What a part of a protocol keeps of its training, to be read by what joins the parts.

Axes: N examples observed, C classes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from memest.data import ImageSet, Part
from memest.data.rebuilt import TRAINED
from memest.store import SheetWriter
from memest.store.tables import array_bytes, write_table

PROBABILITIES = "sheet/probabilities.npy"
"""What the network of a part says of those it observed, (N, C)."""


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
