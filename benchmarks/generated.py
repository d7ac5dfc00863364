"""Generated images that can be learned."""

from __future__ import annotations

import numpy as np

from memest.data import ImageSet


def patterns(count: int, classes: int = 20, size: int = 32, seed: int = 0) -> ImageSet:
    """Noisy images with a pattern for each class: something to learn, and to be wrong about.

    Args:
        seed: of labels and noise; the patterns are always the same.
    """
    means = np.random.default_rng(0).integers(64, 192, (classes, size, size, 3))
    rng = np.random.default_rng([1, seed])
    labels = rng.integers(0, classes, count)
    noisy = means[labels] + rng.normal(0, 60, (count, size, size, 3))
    return ImageSet(
        images=np.clip(noisy, 0, 255).astype(np.uint8),
        labels=labels,
        ids=np.arange(count),
        classes=tuple(map(str, range(classes))),
        order="patterns",
    )
