"""Labels that a run is measured against on purpose, besides those it was trained on.

Axes: N examples of the clean set.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from memest.data import ImageSet, draw_labels, label_name
from memest.scores import ScoreSet, score_list
from memest.store.tables import Columns

Others = dict[str, NDArray[np.int64]]
"""Labels (N,) by name."""


def read_scores(text: str) -> str:
    """A list of scores made canonical, with the names of the labels they are measured against.

    Raises:
        InputError: an unknown score, an unknown set of labels, or a setting that does not fit.
    """
    return score_list(text, label_name)


def other_labels(scores: ScoreSet, clean: ImageSet, stored: Columns | None = None) -> Others:
    """The labels that scores name besides those trained on: read back where a sheet has them, else drawn.

    Args:
        scores: what will be measured.
        clean: the images before the corruption.
        stored: the truth table of the run that is measured, in the order of the clean images.

    Raises:
        InputError: no such labels, or they cannot be had for these images.
    """
    known = stored or {}
    return {name: known[name] if name in known else draw_labels(name, clean) for name in scores.labels}
