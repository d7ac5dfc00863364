"""How far the two CSLs agree: the one from clean passes and the free one from the training batches.

Digits with 5 % wrong labels, trained and scored by memest itself; rank correlation of the two, and how well
each finds the wrong labels, over seeds. Summed from epoch 1 and from epoch 5: in the first epochs of so small
a set the running statistics of batch norms, which only the clean pass uses, have not settled, and a few
losses of tens of nats outweigh all that come later.
"""

from __future__ import annotations

import argparse
import os
import tempfile

import numpy as np
import torch

from benchmarks.rows import Row, publish
from memest.grammar.config import build
from memest.grammar.once import OnceParser
from memest.metrics import auroc, spearman
from memest.runs.config import TrainConfig
from memest.stages.train import train
from memest.store import SheetReader
from memest.summaries import Trace, summarise

STARTS = (1, 5)
NOISE = "symmetric_noise(rate=0.05)"


def main() -> None:
    """Train, compare, print, write JSON."""
    parser = OnceParser(__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--model", default="resnet18(width=16)", help="network spec")
    parser.add_argument("--data", default="digits", help="dataset spec")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MEMEST_HOME"] = folder
        found = [one_seed(seed, options) for seed in range(options.seeds)]
    rows = [
        Row(
            f"{name}, mean of {options.seeds} seeds",
            float(np.mean([one[name] for one in found])),
            "",
            (min(one[name] for one in found), max(one[name] for one in found)),
            spread="range",
        )
        for name in found[0]
    ]
    settings = {name: getattr(options, name) for name in ("model", "data", "epochs", "seeds")}
    publish("agreement", torch.device(options.device), rows, settings=settings | {"corruption": NOISE})


def one_seed(seed: int, options: argparse.Namespace) -> dict[str, float]:
    """Rank correlation and the two AUROCs of one run, for sums that start at two epochs."""
    settings = {"data": options.data, "model": options.model, "epochs": options.epochs, "seed": seed}
    extra = {"corruption": NOISE, "scores": "loss", "tracking": "off", "device": options.device}
    sheet = SheetReader.open(train(build(TrainConfig, settings | extra)).run.blobs)
    changed = sheet.truth()["changed"].astype(bool)
    figures: dict[str, float] = {}
    for start in STARTS:
        clean, seen = (
            summarise(f"{prefix}csl(start={start})", lambda key: Trace(*sheet.trace(key)))
            for prefix in ("", "seen/")
        )
        figures |= {
            f"from epoch {start}: rank correlation of csl and seen/csl": spearman(clean, seen),
            f"from epoch {start}: AUROC of csl": auroc(clean, changed),
            f"from epoch {start}: AUROC of seen/csl": auroc(seen, changed),
        }
    return figures


if __name__ == "__main__":
    main()
