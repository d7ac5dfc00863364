"""Randomness by purpose: independent streams from one seed, so that no draw can move another.

A stream is named by its purpose and, where it repeats, by its index: `streams.seed("order", epoch)`.
Generators are made where they are used and never kept, so a resumed run has no generator state to
restore.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

Purpose = Literal["weights", "order", "augmentation", "corruption", "probes", "dropout", "folds", "subsets"]


@dataclass(frozen=True)
class Streams:
    """Seeds by purpose.

    Args:
        base: the run's seed.
        corruption: a seed of its own for the corruption; None: that of the run.
    """

    base: int
    corruption: int | None = None

    def seed(self, purpose: Purpose, index: int = 0) -> int:
        """A 63-bit seed for one purpose and index; equal arguments give equal seeds on any machine."""
        if purpose not in get_args(Purpose):
            raise ValueError(f"unknown purpose {purpose!r}; known: {', '.join(get_args(Purpose))}")
        own = purpose == "corruption" and self.corruption is not None
        base = self.corruption if own else self.base
        digest = hashlib.sha256(f"{base}/{purpose}/{index}".encode()).digest()
        return int.from_bytes(digest[:8], "little") >> 1

    def numpy(self, purpose: Purpose, index: int = 0) -> np.random.Generator:
        """A numpy generator of its own for one purpose and index."""
        return np.random.Generator(np.random.PCG64(self.seed(purpose, index)))
