"""What tests of runs that die share: a short run, how it dies, and every blob of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from memest.grammar.config import build
from memest.runs.config import TrainConfig
from memest.scores import Scorer
from memest.stages import train
from memest.store import Blobs

EPOCHS = 6


FOLDERS = ("sheet", "checkpoint", "figures")


def settings(**more: Any) -> dict[str, Any]:
    """Settings of a short run with every kind of score, kept networks and a learning rate that changes."""
    return {
        "corruption": "symmetric_noise(rate=0.05)",
        "epochs": EPOCHS,
        "limit": 200,
        "scores": "logits, curvature(probes=2)",
        "gradient_every": 4,
        "checkpoints": "every(k=2)",
        "tracking": "off",
        **more,
    }


def run(**more: Any) -> Any:
    """Train in this process."""
    return train.train(build(TrainConfig, settings(**more)))


def everything(blobs: Blobs) -> dict[str, bytes]:
    """Every blob of a run, but for settings and tables: one of them says how long it took."""
    return {name: blobs.get(name) for folder in FOLDERS for name in blobs.names(folder)}


class DiedError(Exception):
    pass


def die(monkeypatch: pytest.MonkeyPatch, name: str, at: int) -> list[int]:
    """Let `measure` of the scorer, or `report` of the stage, raise at call number `at`; calls are counted."""
    place = Scorer if name == "measure" else train
    real, calls = getattr(place, name), [0]

    def dying(*arguments: Any) -> Any:
        calls[0] += 1
        if calls[0] == at + 1:
            raise DiedError
        return real(*arguments)

    monkeypatch.setattr(place, name, dying)
    return calls


def said() -> str:
    """Everything in the one journal of this folder."""
    return "".join(path.read_text() for path in Path(".memest").rglob("entries.jsonl"))
