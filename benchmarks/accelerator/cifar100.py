"""CIFAR-100 at full length: the paper's recipe, 200 epochs of ResNet-18, in order of value, as offline runs.

    python -m benchmarks.accelerator.cifar100 --parts parts --into found

Call it again with the same folder: it goes on after the last epoch it kept, and begins the next run when
one is done. Copied home, the runs become like any other:

    MEMEST_HOME=found/home memest deliver --folder found/home/runs

Training is in bf16, channels last and compiled where there is a GPU; scores are float32 as always. Every
run measures all scores from logits after every epoch, against the labels trained on and against those of
the leak audit.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.accelerator.kept import Deadline, arguments, keep
from benchmarks.accelerator.parts import join
from benchmarks.rows import Row
from memest.grammar.config import build
from memest.metrics import auroc
from memest.runs.config import TrainConfig
from memest.stages.train import train
from memest.store import SheetReader
from memest.summaries import suspicion
from memest.tracking import Opened

AUDITED = "logits, loss(labels=true), correct(labels=true), loss(labels=released), correct(labels=released), "
AUDITED += ", ".join(f"loss(labels=released(seed={seed}))" for seed in range(1, 6))


def noise(rate: float, seed: int) -> dict[str, Any]:
    """A run with symmetric noise, measured against all labels of the leak audit."""
    return {"corruption": f"symmetric_noise(rate={rate})", "seed": seed, "scores": AUDITED}


def copies(seed: int) -> dict[str, Any]:
    """A run with conflicting duplicates, one fixed map."""
    return {"corruption": "conflicting_duplicates(pairs=250)", "corruption_seed": 0, "seed": seed}


WANTED = (
    noise(0.05, 1),
    noise(0.01, 1),
    noise(0.1, 1),
    {"seed": 1},
    noise(0.05, 2),
    noise(0.05, 3),
    copies(1),
    noise(0.02, 1),
    copies(2),
    copies(3),
    {"seed": 2},
    {"seed": 3},
)
"""The runs, in order of value."""


class TimeUp(KeyboardInterrupt):
    """The call's time is over."""


def main() -> None:
    """Train what is missing until the time is over; say what is done."""
    parser = arguments(__doc__)
    parser.add_argument("--parts", type=Path, required=True, help="folder of the parts of the images")
    parser.add_argument("--model", default="resnet18", help="network spec")
    parser.add_argument("--epochs", type=int, default=200)
    options = parser.parse_args()
    deadline = Deadline(options.seconds)
    images = join(options.parts, options.into / "images.npz")
    os.environ["MEMEST_HOME"] = str(options.into / "home")
    fast = {"precision": "bf16", "channels_last": True, "compile": True} if options.device == "cuda" else {}
    base = {"data": f"npz(path={str(images)!r})", "model": options.model, "epochs": options.epochs}
    base |= {"augmentation": "crop_flip", "tracking": "offline", "experiment": "cifar100-full"} | fast
    base |= {"device": options.device}

    def until_then(run: str, epoch: int, metrics: Mapping[str, float]) -> None:
        print(f"epoch {epoch}: {_line(metrics)}", flush=True)
        if deadline.passed:
            raise TimeUp(f"after epoch {epoch}: call again to go on")

    rows: list[Row] = []
    for settings in WANTED:
        print(settings.get("corruption", "labels as they come"), "seed", settings["seed"], flush=True)
        try:
            rows += found(settings, train(build(TrainConfig, base | settings), until_then))
        except TimeUp as over:
            print(over, flush=True)
            break
    keep(options, "cifar100", rows or [Row("runs done", 0, "")])


def found(settings: Mapping[str, Any], opened: Opened) -> list[Row]:
    """What a finished run found of its changed labels; its accuracy on what it was trained on."""
    sheet = SheetReader.open(opened.run.blobs)
    summary, name = sheet.summary(), f"{settings.get('corruption', 'none')}, seed {settings['seed']}"
    rows = [Row(f"{name}: training accuracy", float(sheet.trace("correct")[1][-1].mean()), "")]
    changed = summary["changed"].astype(bool)
    if changed.any():
        summaries = [one for one in ("csl", "seen/csl", "csl(labels=released)") if one in summary]
        rows += [
            Row(f"{name}: AUROC of {one}", auroc(suspicion(one, summary[one]), changed), "")
            for one in summaries
        ]
    return rows


def _line(metrics: Mapping[str, float]) -> str:
    shown = ("train/accuracy", "test/accuracy", "images_per_second")
    return ", ".join(f"{name} {metrics[name]:.4g}" for name in shown if name in metrics)


if __name__ == "__main__":
    main()
