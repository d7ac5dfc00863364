"""The learning-rate schedule of a training whose last epoch changes on the way."""

from __future__ import annotations

import pytest

from memest.training import Pacing


def test_an_unchanged_training_is_at_its_share_of_epochs() -> None:
    """To the bit, so that a run without an allowance has the learning rates that it always had."""
    assert [Pacing(7).progress(epoch + 0.3) for epoch in range(7)] == [(e + 0.3) / 7 for e in range(7)]


def test_a_cut_training_goes_on_where_it_was_and_ends_with_its_schedule() -> None:
    """Half of ten epochs are behind when seven become the last: the other half is spread over two."""
    pacing = Pacing(10)
    pacing.end_with(7, after=5)
    assert [pacing.progress(epochs) for epochs in (5, 6, 7)] == pytest.approx([0.5, 0.75, 1])
    pacing.end_with(10, after=6)
    assert [pacing.progress(epochs) for epochs in (6, 8, 10)] == pytest.approx([0.75, 0.875, 1])
