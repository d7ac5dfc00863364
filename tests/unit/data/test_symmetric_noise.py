"""Symmetric label noise, and the seed of a corruption."""

from __future__ import annotations

import numpy as np
import pytest
from small_sets import draw

from memest.data import corrupt
from memest.errors import SettingError
from memest.seeding import Streams


def test_symmetric_noise_is_uniform_over_examples_and_other_classes() -> None:
    """Chi-square below its 99.9 % quantile (26.1 at 8, 27.9 at 9 degrees of freedom), over one large draw."""
    clean = draw(40_000)
    noisy, truth = corrupt(clean, "symmetric_noise(rate=0.5)", Streams(0))
    moves = (noisy.labels - clean.labels)[truth.changed] % 10
    for counts, bound in (
        (np.bincount(moves, minlength=10)[1:], 26.1),
        (np.bincount(np.flatnonzero(truth.changed) * 10 // len(clean), minlength=10), 27.9),
    ):
        assert ((counts - counts.mean()) ** 2 / counts.mean()).sum() < bound


def test_symmetric_noise_that_would_change_nothing_is_refused() -> None:
    """A rate that rounds to no example, and a set of one class."""
    with pytest.raises(SettingError, match="would change 0 of 40 labels"):
        corrupt(draw(40), "symmetric_noise(rate=0.02)", Streams(0))
    with pytest.raises(SettingError, match="over 1 classes"):
        corrupt(draw(40, classes=1), "symmetric_noise(rate=0.5)", Streams(0))
    with pytest.raises(SettingError):
        corrupt(draw(40), "symmetric_noise(rate=0)", Streams(0))


def test_nothing_is_done_by_none() -> None:
    """The corruption `none` leaves the set and its fingerprint as they are."""
    clean = draw()
    same, truth = corrupt(clean, "none", Streams(0))
    assert same.fingerprint == clean.fingerprint
    assert not truth.changed.any()


def test_the_corruption_has_a_seed_of_its_own() -> None:
    """Changing it moves the damage and no other stream; the run's seed then moves all but the damage."""
    run, other_damage, other_run = Streams(1), Streams(1, corruption=7), Streams(2, corruption=7)
    for purpose in ("weights", "order", "augmentation", "probes", "dropout", "folds"):
        assert run.seed(purpose, 3) == other_damage.seed(purpose, 3)
        assert run.seed(purpose, 3) != other_run.seed(purpose, 3)
    spec = "symmetric_noise(rate=0.2)"
    by_run, moved, kept = (corrupt(draw(), spec, s)[0].fingerprint for s in (run, other_damage, other_run))
    assert by_run != moved
    assert moved == kept
