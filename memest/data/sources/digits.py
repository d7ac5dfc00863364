"""scikit-learn's handwritten digits: 1,797 real images of 8 × 8, in every installation."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from memest.data.images import ImageSet, Integers, Split
from memest.data.sources.base import SETS

_FILE = "datasets/data/digits.csv.gz"
"""In the package scikit-learn."""


@SETS.register
def digits() -> Split:
    """Every fifth image is for testing, the others, 1,438, for training; ids are scikit-learn's positions."""
    table = _table()
    pixels = table[:, :64].reshape(-1, 8, 8, 1)
    everything = ImageSet(
        images=np.round(pixels * (255 / 16)).astype(np.uint8),
        labels=table[:, 64].copy(),
        ids=np.arange(len(table)),
        classes=tuple("0123456789"),
        order="scikit-learn",
        augmentation="crop(padding=1)",
    )
    for_testing = everything.ids % 5 == 4
    return Split(everything.take(np.flatnonzero(~for_testing)), everything.take(np.flatnonzero(for_testing)))


@cache
def _table() -> Integers:
    """What `load_digits` reads, (1797, 65): pixels from 0 to 16, and the class.

    `sklearn.datasets` is not imported: that takes longer than a short training.
    """
    found = find_spec("sklearn")
    if found is None or not found.submodule_search_locations:
        raise ModuleNotFoundError("No module named 'sklearn'", name="sklearn")
    table: Integers = np.loadtxt(Path(found.submodule_search_locations[0]) / _FILE, np.int64, delimiter=",")
    table.flags.writeable = False
    return table
