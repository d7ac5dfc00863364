"""Streams of random numbers by purpose."""

from __future__ import annotations

import hashlib

import pytest

from memest.seeding import Streams


def test_streams_are_independent_and_the_same_everywhere() -> None:
    """A seed follows from base, purpose and index alone, by a hash: pinned by computing it again."""
    digest = hashlib.sha256(b"5/order/17").digest()
    assert Streams(5).seed("order", 17) == int.from_bytes(digest[:8], "little") // 2
    purposes = ("weights", "order", "augmentation", "corruption", "probes", "dropout", "folds")
    seeds = {Streams(b).seed(p, i) for b in range(5) for p in purposes for i in range(50)}
    assert len(seeds) == 5 * len(purposes) * 50
    with pytest.raises(ValueError, match="unknown purpose 'wieghts'"):
        Streams(0).seed("wieghts")  # type: ignore[arg-type]
