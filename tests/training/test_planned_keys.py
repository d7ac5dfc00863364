"""What planning computes without training is what training gives."""

from __future__ import annotations

from pathlib import Path

from memest.grammar.config import build
from memest.runs.config import TrainConfig
from memest.stages import train
from memest.sweep import planning


def test_planned_keys_are_those_of_training() -> None:
    """What planning computes from settings and data is the key that training gives the run."""
    short = {"limit": 200, "epochs": 1, "scores": "loss", "tracking": "off"}
    configs = [
        build(TrainConfig, short | more)
        for more in (
            {"corruption": "symmetric_noise(rate=0.1)"},
            {"corruption": "symmetric_noise(rate=0.1)", "scores": "loss, loss(labels=true)"},
            {"seed": 3},
            {"seed": 3, "corruption_seed": 1},
            {"protocol": "k_fold(folds=2)"},
        )
    ]
    keys = planning.run_keys(configs)
    for config in configs:
        run = train.train(config).run
        folder = Path(run.id).parent.name
        assert keys[config].startswith(folder)
    assert len(set(keys.values())) == len(configs)
