"""What a corruption did, applied again by id."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from small_sets import draw

from memest.data import Truth, corrupt
from memest.errors import DataError
from memest.seeding import Streams


def test_the_truth_rebuilds_the_damaged_set() -> None:
    """Columns and back, applied to the clean set: the fingerprint that was trained on, without drawing."""
    clean = draw()
    noisy, truth = corrupt(clean, "symmetric_noise(rate=0.2)", Streams(0))
    again = Truth.from_columns(truth.columns(), truth.spec)
    for name, column in truth.columns().items():
        assert np.array_equal(column, again.columns()[name])
        assert column.dtype == again.columns()[name].dtype
    assert again.apply(clean).fingerprint == noisy.fingerprint != clean.fingerprint


def test_a_copied_image_is_its_partners() -> None:
    """Examples with a partner show the partner's clean image, found by id and not by position."""
    clean = draw()
    partners = np.full(len(clean), -1)
    partners[[3, 8, 11]] = clean.ids[[30, 3, 8]]
    shown = replace(Truth.untouched(clean), partner_ids=partners).apply(clean)
    for position, source in ((3, 30), (8, 3), (11, 8)):
        assert np.array_equal(shown.images[position], clean.images[source])
    others = np.setdiff1d(np.arange(len(clean)), [3, 8, 11])
    assert np.array_equal(shown.images[others], clean.images[others])
    assert not np.shares_memory(shown.images, clean.images)
    assert np.array_equal(shown.labels, clean.labels)


def test_the_truth_refuses_another_dataset() -> None:
    """Other ids, another order, other labels or a partner that is not there: not the same dataset."""
    clean = draw()
    truth = Truth.untouched(clean)
    turned = clean.take(np.arange(len(clean))[::-1].copy())
    relabelled = replace(clean, labels=(clean.labels + 1) % 10)
    for other, words in (
        (turned, "in another order"),
        (draw(39), "holds other examples than the stored truth: it lacks id"),
        (relabelled, "differ from the stored originals for 40 examples"),
    ):
        with pytest.raises(DataError, match=words):
            truth.apply(other)
    for stranger in (6, 10_000):
        with pytest.raises(DataError, match=f"the dataset has no id {stranger}"):
            replace(truth, partner_ids=np.full(len(clean), stranger)).apply(clean)
