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
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from benchmarks.rows import RESULTS, SHORT, Row, command, over_seeds, publish
from benchmarks.stopping import MODEL, NOISES, runs
from memest.grammar.config import build
from memest.loading import Loader
from memest.metrics import auroc
from memest.runs.config import TrainConfig
from memest.runs.epochs import measured_epochs
from memest.runs.prepare import prepare
from memest.scores import ScoreSet
from memest.stages.train import train
from memest.store import SheetReader

PAGE = Path(__file__).parent.parent / "docs" / "robust_sums.md"
MODELS = ("tiny", "resnet18(width=8)")
RATES = (0.01, 0.03, 0.1, 0.3)
EPOCHS, FAR = 20, 0.005
NOISE = "symmetric_noise(rate=0.05)"
ANEW = "csl, statistics anew"
Losses = NDArray[np.float64]
"""Losses of every example, (E, N)."""


@dataclass(frozen=True)
class Traces:
    """The losses of one run, (E, N) each, epochs 1 … E, and which labels are wrong, (N,)."""

    clean: Losses
    seen: Losses
    anew: Losses
    changed: NDArray[np.bool_]


def _sum(values: Losses) -> NDArray[np.float64]:
    return np.asarray(values.sum(0))


WAYS: Mapping[str, Callable[[Traces], NDArray[np.float64]]] = {
    "csl": lambda t: _sum(t.clean),
    "csl(start=5)": lambda t: _sum(t.clean[4:]),
    "csl(cap=10)": lambda t: _sum(np.minimum(t.clean, 10)),
    "csl(cap=5)": lambda t: _sum(np.minimum(t.clean, 5)),
    "csl(cap=3)": lambda t: _sum(np.minimum(t.clean, 3)),
    "1 − mean_confidence": lambda t: 1 - np.exp(-t.clean).mean(0),
    ANEW: lambda t: _sum(t.anew),
    "seen/csl": lambda t: _sum(t.seen),
}
"""Sums that are compared, by name: suspicion (N,) of the traces of a run."""


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


def judged(traces: Traces) -> dict[str, Any]:
    """AUROC of each way, and how much of the clean sum comes from the epoch that adds most."""
    by_epoch = traces.clean.mean(1)
    return {
        "auroc": {way: auroc(values(traces), traces.changed) for way, values in WAYS.items()},
        "heaviest_epoch": int(by_epoch.argmax()) + 1,
        "heaviest_share": float(by_epoch.max() / by_epoch.sum()),
        "largest_mean_loss": float(by_epoch.max()),
        "seen_then": float(traces.seen.mean(1)[by_epoch.argmax()]),
        "anew_then": float(traces.anew.mean(1)[by_epoch.argmax()]),
    }


def shares(found: list[dict[str, Any]]) -> dict[str, float]:
    """By way, the share of runs in which it finds clearly less than `seen/csl`."""
    return {
        way: float(np.mean([one["auroc"]["seen/csl"] - one["auroc"][way] > FAR for one in found]))
        for way in WAYS
        if way != "seen/csl"
    }


TEXT = """# When an early epoch drowns the others

Generated by {command}: digits with 5 % wrong labels, {epochs} epochs, {seeds}
seeds of each learning rate.

## In short

- **Rank by `seen/csl`**, the sum of the losses of the training batches: it costs nothing, and no epoch
  drowned the others in any of these runs.
- **Where only clean passes count, cap them: `csl(cap=10)`** lets an epoch add at most ten nats. {capped}
  With 100 classes it costs nothing; a cap of 5 or 3 nats does.
- The cause is the running statistics of batch norms, which training does not use and evaluation does.

## How often

Share of runs in which a sum finds clearly less (AUROC lower by more than {far:g}) than `seen/csl`:

{often}

Mean AUROC of the changed labels, and the lowest of all runs:

{aurocs}

## Why

A batch norm evaluates with averages over the last few dozen steps, of statistics that its layer had at the
weights of those steps. With few steps per epoch and a large learning rate the weights have moved on: in
evaluation mode the network is then another than the one that was trained, and gives losses of tens or
hundreds of nats at random. Such an epoch outweighs all that come later. Taken anew, from the same images
and the present weights, the statistics give losses as small as those of the training batches, and the sum
is good: nothing else was changed. Means over the seeds, of the epoch that adds most to the clean sum:

{why}

## What a cap costs

4,000 images of CIFAR-100 in 100 classes, all memorized in 40 epochs (`{narrow}`). No epoch stands out here,
the heaviest has {heaviest:.0%} of the sum. AUROC:

{cifar}

A uniform guess among K classes costs log K nats (10 classes: 2.3, 100: 4.6), and a label that is
confidently contradicted about twice that. A cap below that takes honest losses away.

## What helps

- `seen/csl` needs no clean pass. It is what `Recorder` ranks by.
- `csl(cap=10)`, or a cap of at least twice log K: what an epoch may add is bounded, as in
  `mean_confidence`, and honest losses are left alone.
- `csl(start=5)` leaves the first four epochs out. It helps where these are the bad ones, has to be guessed,
  and gives away what early epochs say of the easy examples.
"""


def page(found: list[dict[str, Any]], cifar: list[dict[str, Any]]) -> str:
    """The page in Markdown."""
    models = list(dict.fromkeys(one["model"] for one in found))
    of = {model: [one for one in found if one["model"] == model] for model in models}
    often = {
        (model, lr): shares([one for one in of[model] if one["lr"] == lr])
        for model, lr in product(models, RATES)
    }
    worst = {way: min(one["auroc"][way] for one in found) for way in WAYS}
    return TEXT.format(
        command=command("robust_sums", bool(cifar)),
        epochs=EPOCHS,
        seeds=len({one["seed"] for one in found}),
        far=FAR,
        capped=f"Its lowest AUROC is {worst['csl(cap=10)']:.4f}, that of `csl` {worst['csl']:.4f}.",
        often=_table(
            ["network", "learning rate", *(f"`{way}`" for way in WAYS if way != "seen/csl")],
            [
                [f"`{model}`", f"{lr:g}", *(f"{share:.0%}" for share in by_way.values())]
                for (model, lr), by_way in often.items()
            ],
        ),
        aurocs=_table(
            ["sum", *(f"`{model}`" for model in models), "lowest"],
            [
                [f"`{way}`", *(f"{_mean(of[m], way):.4f}" for m in models), f"{worst[way]:.4f}"]
                for way in WAYS
            ],
        ),
        narrow=MODEL,
        heaviest=max((one["heaviest_share"] for one in cifar), default=0.0),
        cifar=_table(
            ["sum", *(NOISES[one["noise"]] + " wrong" for one in cifar)],
            [[f"`{way}`", *(f"{one['auroc'][way]:.4f}" for one in cifar)] for way in WAYS if way != ANEW],
        ),
        why=_table(
            [
                "network",
                "learning rate",
                "its share of the sum",
                "mean loss, clean",
                "seen",
                "statistics anew",
            ],
            [
                [f"`{model}`", f"{lr:g}", *_heaviest([one for one in of[model] if one["lr"] == lr])]
                for model, lr in product(models, RATES)
            ],
        ),
    )


def _mean(found: list[dict[str, Any]], way: str) -> float:
    return float(np.mean([one["auroc"][way] for one in found]))


def _heaviest(found: list[dict[str, Any]]) -> list[str]:
    names = ("heaviest_share", "largest_mean_loss", "seen_then", "anew_then")
    share, *losses = (float(np.mean([one[name] for one in found])) for name in names)
    return [f"{share:.0%}", *(f"{loss:.2f}" for loss in losses)]


def _table(heads: list[str], rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(heads) + " |", "|---" + "|---:" * (len(heads) - 1) + "|"]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


if __name__ == "__main__":
    main()
