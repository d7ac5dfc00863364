"""The whole story on one laptop: digits with 5 % wrong labels, two networks, three seeds, analysed."""

from __future__ import annotations

from dataclasses import dataclass

from memest.config import build, option
from memest.stages.analyze import AnalyzeConfig, analyze
from memest.stages.common import progress
from memest.stages.train import TrainConfig, train
from memest.tracking import tracking_uri

MODELS = ("tiny", "resnet18(width=8)")
SEEDS = (1, 2, 3)
SETTINGS = {
    "data": "digits",
    "corruption": "symmetric_noise(rate=0.05)",
    "epochs": 30,
    "scores": "logits, input_gradient, input_gradient(norm=1), curvature(probes=5)",
    "gradient_every": 5,
}


@dataclass(frozen=True)
class DemoConfig:
    """Everything the demo can be told."""

    experiment: str = option("demo", "MLflow experiment")


def demo(config: DemoConfig) -> str:
    """Train what is missing, analyse all of it, and say where to look."""
    grid = [(model, seed) for model in MODELS for seed in SEEDS]
    for model, seed in progress(grid, len(grid), "demo"):
        train(build(TrainConfig, SETTINGS | {"model": model, "seed": seed, "experiment": config.experiment}))
    text = analyze(build(AnalyzeConfig, {"experiment": config.experiment}))
    return f"{text}\n\nopen the runs with: mlflow ui --backend-store-uri {tracking_uri()}"
