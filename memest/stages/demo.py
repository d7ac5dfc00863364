"""The whole story on one laptop: digits with 5 % wrong labels; two networks, three seeds, then an audit."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch

from memest.grammar.config import build
from memest.runs.audit_config import AuditConfig
from memest.runs.config import TrainConfig
from memest.runs.prepare import prepare
from memest.stages.analyze import analyze
from memest.stages.audit import audit
from memest.stages.config import AnalyzeConfig, DemoConfig
from memest.sweep import ENGINES
from memest.sweep.console import Console
from memest.sweep.grid import sweep_of
from memest.sweep.training import train_missing
from memest.tracking import look_at, several_runs, tracking_uri

PICTURE = Path("suspicious.png")
GRID = {
    "base": {
        "data": "digits",
        "corruption": "symmetric_noise(rate=0.05)",
        "corruption_seed": 0,
        "epochs": 24,
        "scores": "logits, input_gradient, input_gradient(norm=1), curvature(probes=5)",
        "gradient_every": 6,
    },
    "axes": {"seed": [1, 2, 3], "model": ["resnet18(width=8)", "tiny"]},
}
AUDITED = Path("demo")
"""Folder of the same digits with the same wrong labels, and of their audit."""
AUDIT = {"model": "tiny", "epochs": 10, "folds": 2}
_PAUSE = 5.0
"""Seconds after which a line says that it goes on."""


def demo(config: DemoConfig) -> str:
    """Train what is missing, several runs at a time, analyse all of it, and say where to look.

    Raises:
        SweepError, BusyError: a run failed, or another process is at work on it.
    """
    wanted = sweep_of(GRID, TrainConfig, "demo", config.experiment)
    console, uri = Console(sys.stderr, _PAUSE), tracking_uri()
    with several_runs() as conclude:
        console.say(["demo: six runs on 1,438 digits, their analysis, and an audit; about a minute"])
        train_missing(wanted, lambda: ENGINES.call("local", torch.cuda.device_count()), uri, "demo", console)
        console.say(["demo: analysis"])
        found = analyze(build(AnalyzeConfig, {"experiment": config.experiment}))
        console.say(["demo: audit"])
        _audit(build(TrainConfig, GRID["base"]), f"{config.experiment}-audit")
        conclude(found.run_id)
    PICTURE.write_bytes(found.blobs.get("figures/suspicious-0.png"))
    page = AUDITED / "report.html"
    return (
        f"{found.text}\n\nthe ten most suspicious images: {PICTURE}\n"
        f"the analysis: {found.report or found.run_id}\n"
        f"all runs side by side: {look_at(uri, config.experiment)}\n"
        f"the list of wrong labels, to decide on: {page}\n{page.absolute().as_uri()}"
    )


def _audit(base: TrainConfig, experiment: str) -> None:
    """Audit the images and labels that the runs were trained on, as a data set of one's own."""
    images = prepare(base).images
    AUDITED.mkdir(exist_ok=True)
    file = AUDITED / "digits.npz"
    classes = np.array(images.classes)
    np.savez(file, images=images.images, labels=images.labels, ids=images.ids, classes=classes)
    settings = AUDIT | {"data": f"npz(path='{file}')", "into": str(AUDITED), "experiment": experiment}
    audit(build(AuditConfig, settings))
