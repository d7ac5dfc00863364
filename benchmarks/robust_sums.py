"""How often an early epoch drowns the others in a sum of losses, why, and what helps.

    python -m benchmarks.robust_sums [--cifar 'npz(path=cifar100.npz)']

Digits with 5 % wrong labels and two networks with batch norms, at several learning rates and seeds. After
every epoch the loss of every example is measured three times: in evaluation mode, as `csl` adds it up; in the
training batches, as `seen/csl` does; and in evaluation mode with running statistics that are taken anew from
the training images and the present weights. With `--cifar` also what a cap costs where no epoch stands out:
4,000 images of CIFAR-100 in 100 classes. Writes `docs/robust_sums.md`.
"""

from __future__ import annotations

import copy
import json
import os
import tempfile
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from benchmarks.robust_sums_page import page
from benchmarks.rows import RESULTS, SHORT, Row, over_seeds, publish
from benchmarks.stopping import runs
from benchmarks.sums_of_losses import ANEW, EPOCHS, FAR, Losses, Traces, judged, shares
from memest.grammar.config import build
from memest.loading import Loader
from memest.runs.config import TrainConfig
from memest.runs.epochs import measured_epochs
from memest.runs.prepare import prepare
from memest.scores import ScoreSet
from memest.stages.train import train
from memest.store import SheetReader

PAGE = Path(__file__).parent.parent / "docs" / "robust_sums.md"
MODELS = ("tiny", "resnet18(width=8)")
RATES = (0.01, 0.03, 0.1, 0.3)
NOISE = "symmetric_noise(rate=0.05)"


def main() -> None:
    """Train and judge unless told otherwise, write JSON and the page."""
    options = over_seeds(__doc__, 5)
    if options.short:
        print(page(measured(1, SHORT), capped_on_cifar(options.cifar, SHORT)))
        return
    if not options.no_measuring:
        cifar, found = capped_on_cifar(options.cifar, {}), measured(options.seeds, {})
        rows = [
            Row(f"{model}: runs in which {way} is more than {FAR} below seen/csl", share, "")
            for model in MODELS
            for way, share in shares([one for one in found if one["model"] == model]).items()
        ]
        publish("robust_sums", torch.device("cpu"), rows, found=found, cifar=cifar)
    kept = json.loads((RESULTS / "robust_sums.json").read_text())
    PAGE.write_text(page(kept["found"], kept["cifar"]))


def measured(seeds: int, more: dict[str, Any]) -> list[dict[str, Any]]:
    """What comes of every run on digits, with these settings besides."""
    return [
        {"model": model, "lr": lr, "seed": seed} | judged(one_run(model, lr, seed, more))
        for model, lr, seed in product(MODELS, RATES, range(seeds))
    ]


def capped_on_cifar(data: str, more: dict[str, Any]) -> list[dict[str, Any]]:
    """What each sum finds in the runs on CIFAR-100 of `benchmarks.stopping`; nothing without the data."""
    return [
        {"noise": names[2]} | without_anew(*losses_of(settings | more))
        for names, settings in runs(seeds=0, cifar=data)
    ]


def losses_of(settings: dict[str, Any]) -> tuple[Losses, Losses, NDArray[np.bool_]]:
    """Losses of the clean passes and of the training batches, (E, N), and which labels are wrong."""
    extra = {"scores": "loss", "tracking": "off", "device": "cpu"}
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MEMEST_HOME"] = folder
        sheet = SheetReader.open(train(build(TrainConfig, settings | extra)).run.blobs)
        clean, seen = (np.asarray(sheet.trace(key)[1], np.float64) for key in ("loss", "seen/loss"))
        return clean[1:], seen, sheet.truth()["changed"].astype(bool)


def without_anew(clean: Losses, seen: Losses, changed: NDArray[np.bool_]) -> dict[str, Any]:
    """AUROC of each way, but for the one that needs the network; the share of the heaviest epoch."""
    found = judged(Traces(clean, seen, clean, changed))
    del found["auroc"][ANEW]
    return {"auroc": found["auroc"], "heaviest_share": found["heaviest_share"]}


def one_run(model: str, lr: float, seed: int, more: dict[str, Any]) -> Traces:
    """Train a network, and measure its losses after every epoch in three ways."""
    settings = {"data": "digits", "model": model, "lr": lr, "seed": seed, "epochs": EPOCHS} | more
    config = build(TrainConfig, settings | {"corruption": NOISE, "scores": "loss", "device": "cpu"})
    prepared = prepare(config)
    with prepared.computing():
        loaded, network = prepared.load(), prepared.network()
        loss, traces = ScoreSet("loss"), []
        for end in measured_epochs(prepared, loaded, network):
            if end.epoch:
                anew = loaded.scorer.measure(with_statistics_anew(network, loaded.stages[0]), loss)
                traces.append((end.scores["loss"], end.scores["seen/loss"], anew["loss"]))
    clean, seen, anew_E = (np.array(rows, np.float64) for rows in zip(*traces, strict=True))
    return Traces(clean, seen, anew_E, prepared.truth.changed)


@torch.no_grad()
def with_statistics_anew(network: nn.Module, training: Loader) -> nn.Module:
    """A copy whose batch norms average over one pass through the training images, at its present weights."""
    renewed = copy.deepcopy(network)
    for module in renewed.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None  # the plain average of all batches
    renewed.train()
    for batch in training.batches(128):
        renewed(batch.images)
    return renewed


if __name__ == "__main__":
    main()
