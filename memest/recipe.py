"""How a network is trained: the recipe and its learning-rate schedules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from memest.grammar.config import one, option
from memest.grammar.registry import Registry
from memest.grammar.values import Count, NonNegative, Positive, PositiveShare, Share

SCHEDULES: Registry[Callable[..., float]] = Registry("schedule", "memest.schedules")


def auto_or_spec(text: str) -> str:
    """An augmentation made canonical, or `auto`."""
    if text == "auto":
        return text
    from memest.loading import AUGMENTATIONS

    return str(AUGMENTATIONS.parse(text))


@dataclass(frozen=True)
class Recipe:
    """Stochastic gradient descent as in the CSL paper, appendix B; the defaults are the paper's."""

    epochs: Count = option(200, "passes over the training set")
    batch_size: Count = option(128, "examples per step")
    lr: Positive = option(0.1, "peak learning rate")
    momentum: Share = option(0.9, "momentum of the gradient")
    weight_decay: NonNegative = option(1e-4, "L2 penalty on every weight")
    schedule: str = option(
        "steps(at_first=0.6, at_second=0.9, factor=0.1)", "learning rate over training", read=one(SCHEDULES)
    )
    augmentation: str = option(
        "auto", "augmentation spec; auto: what keeps this dataset's labels true", read=auto_or_spec
    )
    precision: Literal["fp32", "bf16"] = option("fp32", "arithmetic of training; scores stay fp32")
    channels_last: bool = option(False, "memory layout of images (faster on recent GPUs)")
    compile: bool = option(False, "torch.compile the training step")


def learning_rate(recipe: Recipe, progress: float) -> float:
    """The rate at `progress`, the share of all steps already taken, from 0 to below 1."""
    factor: float = SCHEDULES.call(recipe.schedule, progress)
    return recipe.lr * factor


@SCHEDULES.register
def steps(
    progress: float, *, at_first: Share = 0.6, at_second: Share = 0.9, factor: PositiveShare = 0.1
) -> float:
    """Times `factor` at two moments of training; the paper's are epochs 120 and 180 of 200."""
    return factor ** ((progress >= at_first) + (progress >= at_second))


@SCHEDULES.register
def one_cycle(progress: float, *, warmup: PositiveShare = 0.2) -> float:
    """Up in a straight line until `warmup`, then down in a straight line to zero."""
    return progress / warmup if progress < warmup else (1 - progress) / max(1 - warmup, 1e-12)
