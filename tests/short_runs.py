"""What tests of the stages share: a short run on part of the digits."""

from __future__ import annotations

from typing import Any

from memest.grammar.config import build
from memest.runs.config import TrainConfig

NOISE = "symmetric_noise(rate=0.05)"


def training(**settings: Any) -> TrainConfig:
    """A short run on part of the digits."""
    short = {"corruption": NOISE, "epochs": 2, "limit": 300, "tracking": "off"}
    return build(TrainConfig, short | settings)
