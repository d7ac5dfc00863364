"""scikit-learn's handwritten digits: 1,797 real images of 8 × 8, in every installation."""

from __future__ import annotations

import numpy as np

from memest.data.images import ImageSet, Split
from memest.data.sources.base import SETS


@SETS.register
def digits() -> Split:
    """Every fifth image is for testing, the others, 1,438, for training; ids are scikit-learn's positions."""
    from sklearn.datasets import load_digits

    raw = load_digits()
    everything = ImageSet(
        images=np.round(raw.images * (255 / 16)).astype(np.uint8)[..., None],
        labels=raw.target.astype(np.int64),
        ids=np.arange(len(raw.target)),
        classes=tuple("0123456789"),
        order="scikit-learn",
        augmentation="crop(padding=1)",
    )
    for_testing = everything.ids % 5 == 4
    return Split(everything.take(np.flatnonzero(~for_testing)), everything.take(np.flatnonzero(for_testing)))
