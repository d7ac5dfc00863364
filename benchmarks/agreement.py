"""How far the two CSLs agree: the one from clean passes and the free one from the training batches.

Digits with 5 % wrong labels, trained and scored by memest itself; rank correlation of the two, and how well
each finds the wrong labels, over seeds.
"""

from __future__ import annotations

import argparse
import os
import tempfile

import numpy as np
import torch

from benchmarks.rows import Row, publish
from memest.config import build
from memest.stages.train import TrainConfig, train
from memest.stats import auroc, spearman
from memest.store import SheetReader

NOISE = "symmetric_noise(rate=0.05)"


def main() -> None:
    """Train, compare, print, write JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--model", default="resnet18(width=16)", help="network spec")
    parser.add_argument("--data", default="digits", help="dataset spec")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MEMEST_HOME"] = folder
        found = np.array([one_seed(seed, options) for seed in range(options.seeds)])
    names = ("rank correlation of csl and seen/csl", "AUROC of csl", "AUROC of seen/csl")
    rows = [
        Row(
            f"{name}, mean of {options.seeds} seeds",
            float(values.mean()),
            "",
            (float(values.min()), float(values.max())),
            spread="range",
        )
        for name, values in zip(names, found.T, strict=True)
    ]
    settings = {name: getattr(options, name) for name in ("model", "data", "epochs", "seeds")}
    publish("agreement", torch.device(options.device), rows, settings=settings | {"corruption": NOISE})


def one_seed(seed: int, options: argparse.Namespace) -> tuple[float, float, float]:
    """Rank correlation and the two AUROCs of one run."""
    settings = {"data": options.data, "model": options.model, "epochs": options.epochs, "seed": seed}
    extra = {"corruption": NOISE, "scores": "loss", "tracking": "off", "device": options.device}
    summary = SheetReader.open(train(build(TrainConfig, settings | extra)).run.blobs).summary()
    clean, seen = summary["csl"], summary["seen/csl"]
    changed = summary["changed"].astype(bool)
    return spearman(clean, seen), auroc(clean, changed), auroc(seen, changed)


if __name__ == "__main__":
    main()
