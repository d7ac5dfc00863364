"""The whole story on one laptop: digits with 5 % wrong labels, two networks, three seeds, analysed."""

from __future__ import annotations

from pathlib import Path

from memest.grammar.config import build
from memest.runs.config import TrainConfig
from memest.runs.console import look, progress
from memest.stages.analyze import Analyzed, analyze
from memest.stages.config import AnalyzeConfig, DemoConfig
from memest.stages.train import train
from memest.tracking import bare, several_runs, tracking_uri

MODELS = ("tiny", "resnet18(width=8)")
SEEDS = (1, 2, 3)
PICTURE = Path("suspicious.png")
SETTINGS = {
    "data": "digits",
    "corruption": "symmetric_noise(rate=0.05)",
    "corruption_seed": 0,
    "epochs": 30,
    "scores": "logits, input_gradient, input_gradient(norm=1), curvature(probes=5)",
    "gradient_every": 5,
}


def demo(config: DemoConfig) -> str:
    """Train what is missing, analyse all of it, and say where to look."""
    with several_runs() as conclude:
        found = _train_and_analyze(config)
        conclude(found.run_id)
    PICTURE.write_bytes(found.blobs.get("figures/suspicious-0.png"))
    return (
        f"{found.text}\n\nthe ten most suspicious images: {PICTURE}\n"
        f"the report: report.html of run {found.run_id}\n"
        f"all runs side by side: {look(bare(tracking_uri()))}"
    )


def _train_and_analyze(config: DemoConfig) -> Analyzed:
    grid = [(model, seed) for model in MODELS for seed in SEEDS]
    for model, seed in progress(grid, len(grid), "demo"):
        train(build(TrainConfig, SETTINGS | {"model": model, "seed": seed, "experiment": config.experiment}))
    return analyze(build(AnalyzeConfig, {"experiment": config.experiment}))
