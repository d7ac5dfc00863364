"""Learning rates over a training."""

from __future__ import annotations

import pytest
from digits_training import Setting

from memest.training import (
    Recipe,
    learning_rate,
)


@pytest.mark.parametrize(
    ("epoch", "rate"), [(1, 0.1), (120, 0.1), (121, 0.01), (180, 0.01), (181, 0.001), (200, 0.001)]
)
def test_the_papers_schedule(epoch: int, rate: float) -> None:
    """With the defaults: 0.1 through epoch 120, 0.01 through 180, then 0.001, at first and last step."""
    recipe = Recipe()
    assert (recipe.epochs, recipe.batch_size, recipe.momentum, recipe.weight_decay) == (200, 128, 0.9, 1e-4)
    for step in (0, 390):  # of the 391 steps of an epoch of CIFAR
        progress = (epoch - 1 + step * 128 / 50_000) / 200
        assert learning_rate(recipe, progress) == pytest.approx(rate)


def test_the_schedule_is_followed() -> None:
    """The rate that epochs are trained with, of ten: six at 0.1, three at 0.01, one at 0.001."""
    ends = Setting().train(Recipe(epochs=10, batch_size=64))
    rates = [end.metrics["learning_rate"] for end in ends if end.epoch]
    assert rates == pytest.approx([0.1] * 6 + [0.01] * 3 + [0.001])


def test_drops_can_be_moved() -> None:
    """The released code's drops, epochs 120 and 160 of 200, and another factor."""
    recipe = Recipe(schedule="steps(at_second=0.8, factor=0.5)")
    assert [learning_rate(recipe, epoch / 200) for epoch in (119, 120, 159, 160)] == pytest.approx(
        [0.1, 0.05, 0.05, 0.025]
    )


@pytest.mark.parametrize(
    ("progress", "rate"), [(0, 0), (0.125, 0.2), (0.25, 0.4), (0.625, 0.2), (0.8125, 0.1), (1, 0)]
)
def test_one_cycle_rises_and_falls_in_straight_lines(progress: float, rate: float) -> None:
    """From zero to the peak at `warmup`, and back to zero at the end."""
    assert learning_rate(Recipe(lr=0.4, schedule="one_cycle(warmup=0.25)"), progress) == pytest.approx(rate)
