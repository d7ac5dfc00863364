"""What free CSL costs: an epoch of training with a recorder against one without, as a ratio.

    python -m benchmarks.free_csl

Both sides train the same network from the same seed on the same batches, an epoch each in turns, so
they do bit-identical work but for the recorder. Time is that of the training batches, without the test
set; bringing the epoch's scores to the host (`take`) counts as the recorder's. A second witness, for a
machine too busy to time whole epochs on, is the share of the epoch spent inside the recorder's calls;
on a GPU that is the host's part only.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.timing import Timed, alternate, machine
from memest.data import ImageSet, Loader
from memest.models import build_model
from memest.record import Recorder
from memest.seeding import Streams
from memest.train import Recipe, train_epochs

CLASSES, BATCH, WARM_UP = 100, 128, 2
BARS = {"loss": {"ratio": 1.02, "upper": 1.05}}
RESULT = Path(__file__).parent / "results" / "free_csl.json"


class Unobserved:
    """The plain side: sees the batches and does nothing."""

    def see(self, logits: Tensor, labels: Tensor, ids: Tensor) -> None:
        """Nothing."""

    def take(self) -> None:
        """Nothing."""


class Clocked:
    """A recorder, and the seconds spent in its calls, epoch by epoch."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._inside = 0.0
        self.epochs: list[float] = []

    def see(self, logits: Tensor, labels: Tensor, ids: Tensor) -> None:
        """That of the recorder, timed."""
        began = time.perf_counter()
        self._recorder.see(logits, labels, ids)
        self._inside += time.perf_counter() - began

    def take(self) -> None:
        """That of the recorder, timed; closes the epoch."""
        began = time.perf_counter()
        self._recorder.take()
        self.epochs.append(self._inside + time.perf_counter() - began)
        self._inside = 0.0


def main() -> None:
    """Measure, print the table, write the JSON."""
    options = arguments()
    device = torch.device(options.device)
    results = {scores: compare(scores, options, device) for scores in ("loss", "logits")}
    print(table(results))
    settings = {"model": options.model, "images": options.images, "batch": BATCH, "classes": CLASSES}
    content = {"settings": settings, "machine": machine(device), "bars": BARS, "results": results}
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(content, indent=2) + "\n")


def arguments() -> argparse.Namespace:
    """The flags."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=40, help="pairs of epochs for each row")
    parser.add_argument("--model", default="resnet18(width=16)", help="network spec")
    parser.add_argument("--images", type=int, default=1024, help="images in an epoch, 32 × 32 × 3")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    return parser.parse_args()


def compare(scores: str, options: argparse.Namespace, device: torch.device) -> dict[str, Any]:
    """Epochs with a recorder of `scores` against plain ones, after some of each to warm up."""
    images = synthetic(options.images)
    recorder = Clocked(Recorder(images.ids, scores, device))
    plain = epochs_of(images, Unobserved(), options, device)
    recorded = epochs_of(images, recorder, options, device)
    alternate(plain, recorded, WARM_UP)
    ratio = alternate(plain, recorded, options.pairs)
    inside = np.array(recorder.epochs[WARM_UP:]) / ratio.measured
    return ratio.report() | {"share_inside": float(np.median(inside))}


def epochs_of(images: ImageSet, observer: Any, options: argparse.Namespace, device: torch.device) -> Timed:
    """A function that trains one more epoch under `observer` and returns its seconds."""
    streams, statistics = Streams(0), images.statistics()
    training = Loader(images, statistics, device)
    testing = Loader(images.take(np.arange(1)), statistics, device)
    network = build_model(options.model, images.channels, CLASSES, streams.seed("weights"))
    recipe = Recipe(epochs=options.pairs + WARM_UP, batch_size=BATCH)
    ends = train_epochs(network, training, testing, recipe, streams, observer)
    next(ends)

    def one_epoch() -> float:
        trained = len(images) / next(ends).metrics["images_per_second"]
        began = time.perf_counter()
        observer.take()
        return trained + time.perf_counter() - began

    return one_epoch


def synthetic(count: int) -> ImageSet:
    """Noise in the shape of CIFAR-100: the cost of a step does not depend on what is in the pictures."""
    rng = np.random.default_rng(0)
    return ImageSet(
        images=rng.integers(0, 256, (count, 32, 32, 3), dtype=np.uint8),
        labels=rng.integers(0, CLASSES, count),
        ids=rng.permutation(count),
        classes=tuple(map(str, range(CLASSES))),
        order="synthetic",
        augmentation="crop_flip",
    )


def table(results: dict[str, Any]) -> str:
    """The figures as people read them, one row per recorder."""
    lines = [
        f"{'recorded':10}{'pairs':>6}{'plain s':>10}{'with s':>10}{'ratio':>9}{'95 %':>18}{'inside':>9}  bar"
    ]
    for scores, row in results.items():
        low, high = row["ratio_95"]
        lines.append(
            f"{scores:10}{row['pairs']:6}{row['plain_seconds']:10.3f}{row['measured_seconds']:10.3f}"
            f"{row['ratio']:9.4f}{f'{low:.4f} … {high:.4f}':>18}{row['share_inside']:9.3%}"
            f"  {verdict(scores, row)}"
        )
    return "\n".join(lines)


def verdict(scores: str, row: dict[str, Any]) -> str:
    """Whether the row keeps the bar that is set for it."""
    if scores not in BARS:
        return "none"
    bar = BARS[scores]
    kept = row["ratio"] <= bar["ratio"] and row["ratio_95"][1] <= bar["upper"]
    return f"{'kept' if kept else 'MISSED'} (≤ {bar['ratio']}, upper ≤ {bar['upper']})"


if __name__ == "__main__":
    main()
