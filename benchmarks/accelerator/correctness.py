"""Whether every score is right on this device: against float64, one example at a time.

    python -m benchmarks.accelerator.correctness --device cuda --into found

A network is trained for some epochs on generated images. Then memest measures every score the way it always
does (float32, micro-batches, batch norms folded); and again in float64, each example alone, batch norms as
they are, with the same probes. Per score: the median and largest relative difference and the
rank correlation (Spearman).
"""

from __future__ import annotations

import argparse
import copy
from collections import defaultdict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from benchmarks.accelerator.kept import arguments, keep
from benchmarks.generated import patterns
from benchmarks.rows import Row, at_least, at_most
from memest.data import ImageSet
from memest.loading import Loader
from memest.metrics import spearman
from memest.models import build_model
from memest.scores import KINDS, SCORES, LocalLoss, OnlineScores, Scorer, ScoreSet
from memest.scores.engine.inference import frozen
from memest.seeding import Streams
from memest.training import Recipe, train_epochs

MEDIAN_BAR, RANK_BAR = 1e-3, 0.999
_SEED = 5


def main() -> None:
    """Train, measure both ways, print, write JSON."""
    parser = arguments(__doc__)
    parser.add_argument("--model", default="resnet18(width=16)", help="network spec")
    parser.add_argument("--images", type=int, default=2048, help="trained on")
    parser.add_argument("--compared", type=int, default=128, help="of them compared")
    parser.add_argument("--epochs", type=int, default=5)
    options = parser.parse_args()
    device = torch.device(options.device)
    images = patterns(options.images)
    loader = Loader(images, images.statistics(), device)
    network = trained(options, images, loader)
    compared = Loader(images.take(np.arange(options.compared)), images.statistics(), device)
    scores = every_score()
    ours = Scorer(compared).measure(network, scores, _SEED)
    exact = in_double(network, compared, scores)
    rows = [row for key in scores.keys for row in judged(key, ours[key], exact[key])]
    keep(options, "correctness", rows)


def every_score() -> ScoreSet:
    """All scores that memest itself brings and that need no further package, and both ways of curvature."""
    names = [name for name in SCORES.own if KINDS[name].package is None]
    return ScoreSet(", ".join([*names, "input_gradient(norm=1)", "curvature(method=hvp)"]))


def trained(options: argparse.Namespace, images: ImageSet, loader: Loader) -> nn.Module:
    """A network that has learned a part of it."""
    streams = Streams(0)
    network = build_model(options.model, images.channels, len(images.classes), streams.seed("weights"))
    recipe = Recipe(epochs=options.epochs, lr=0.02)
    online = OnlineScores(images.ids, "loss", loader.device)
    for end in train_epochs(network, [loader], None, recipe, streams, online):
        online.take()
        network = end.network
    return network


def in_double(network: nn.Module, loader: Loader, scores: ScoreSet) -> dict[str, NDArray[np.float64]]:
    """Every score in float64, each example alone, (N,) by key."""
    double = copy.deepcopy(network).double()
    found: dict[str, list[float]] = defaultdict(list)
    with frozen(double):
        for one in loader.batches(1):
            local = LocalLoss(double, one.images.double(), one.labels, one.ids, _SEED)
            for key, value in scores.from_input(local).items():
                found[key].append(float(value))
    return {key: np.array(values) for key, values in found.items()}


def judged(key: str, ours: NDArray[np.float32], exact: NDArray[np.float64]) -> list[Row]:
    """The figures of one score."""
    apart = np.abs(ours - exact) / np.maximum(np.abs(exact), 1e-6)
    rows = [
        at_most(
            MEDIAN_BAR, Row(f"{key}: median relative difference from float64", float(np.median(apart)), "")
        ),
        Row(f"{key}: largest", float(apart.max()), ""),
    ]
    if key == "correct":
        return rows
    return [
        *rows,
        at_least(RANK_BAR, Row(f"{key}: rank correlation with float64", spearman(ours, exact), "")),
    ]


if __name__ == "__main__":
    main()
