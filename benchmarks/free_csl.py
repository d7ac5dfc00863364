"""What CSL costs: an epoch of training with a recorder, or with a clean pass after it, against one alone.

    python -m benchmarks.free_csl

Both sides train the same network from the same seed on the same batches, an epoch each in turns, so
they do bit-identical work but for the recorder. Time is that of the training batches, without the test
set; bringing the epoch's scores to the host (`take`) counts as the recorder's. The clean pass measures the
loss of every example in evaluation mode after the epoch. A second witness, for a
machine too busy to time whole epochs on, is the share of the epoch spent inside the recorder's calls;
on a GPU that is the host's part only.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.rows import Row, at_most, compared, publish
from benchmarks.timing import Ratio, Timed, alternate
from memest.data import ImageSet
from memest.grammar.once import OnceParser
from memest.loading import Loader
from memest.models import build_model
from memest.scores import OnlineScores, ScoreSet, measure
from memest.seeding import Streams
from memest.training import Recipe, train_epochs

CLASSES, BATCH, WARM_UP = 100, 128, 2
FREE_BAR, FREE_UPPER_BAR, CLEAN_BAR = 1.02, 1.05, 1.36


class Unobserved:
    """The plain side: sees the batches and does nothing."""

    def see(self, logits: Tensor, labels: Tensor, ids: Tensor) -> None:
        """Nothing."""

    def take(self) -> None:
        """Nothing."""


class Clocked:
    """A recorder, and the seconds spent in its calls, epoch by epoch."""

    def __init__(self, recorder: OnlineScores) -> None:
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
    rows, pairs = [], {}
    for scores in ("loss", "logits"):
        ratio, inside = recorded(scores, options, device)
        pairs[f"seen: {scores}"] = ratio.report()
        rows += free_rows(scores, ratio, inside)
    ratio = clean(options, device)
    pairs["clean pass"] = ratio.report()
    rows.append(at_most(CLEAN_BAR, compared("training with a clean pass for loss / training", ratio)))
    settings = {"model": options.model, "images": options.images, "batch": BATCH, "classes": CLASSES}
    publish("free_csl", device, rows, settings=settings, pairs=pairs)


def free_rows(scores: str, ratio: Ratio, inside: float) -> list[Row]:
    """The figures of one recorder; only that of the loss alone is held against a bar."""
    row = compared(f"training that records {scores} / training", ratio)
    share = Row("share of the epoch inside that recorder", inside, "")
    if scores != "loss":
        return [row, share]
    upper = Row(f"{row.what}, upper 95 %", ratio.interval()[1])
    return [at_most(FREE_BAR, row), at_most(FREE_UPPER_BAR, upper), share]


def arguments() -> argparse.Namespace:
    """The flags."""
    parser = OnceParser(__doc__)
    parser.add_argument("--pairs", type=int, default=30, help="pairs of epochs for each row")
    parser.add_argument("--model", default="resnet18(width=16)", help="network spec")
    parser.add_argument("--images", type=int, default=1024, help="images in an epoch, 32 × 32 × 3")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    return parser.parse_args()


def recorded(scores: str, options: argparse.Namespace, device: torch.device) -> tuple[Ratio, float]:
    """Epochs with a recorder of `scores` against plain ones, and the recorder's share of the former."""
    images = synthetic(options.images)
    recorder = Clocked(OnlineScores(images.ids, scores, device))
    plain = epochs_of(images, Unobserved(), options, device)
    ours = epochs_of(images, recorder, options, device)
    alternate(plain, ours, WARM_UP)
    ratio = alternate(plain, ours, options.pairs)
    return ratio, float(np.median(np.array(recorder.epochs[WARM_UP:]) / ratio.measured))


def clean(options: argparse.Namespace, device: torch.device) -> Ratio:
    """Epochs followed by a clean pass for the loss against plain ones."""
    images = synthetic(options.images)
    plain = epochs_of(images, Unobserved(), options, device)
    scored = epochs_of(images, Unobserved(), options, device, ScoreSet("loss"))
    alternate(plain, scored, WARM_UP)
    return alternate(plain, scored, options.pairs)


def epochs_of(
    images: ImageSet,
    observer: Any,
    options: argparse.Namespace,
    device: torch.device,
    scores: ScoreSet | None = None,
) -> Timed:
    """A function that trains one more epoch under `observer`, scores it if asked, and returns its seconds."""
    streams, statistics = Streams(0), images.statistics()
    training = Loader(images, statistics, device)
    testing = Loader(images.take(np.arange(1)), statistics, device)
    network = build_model(options.model, images.channels, CLASSES, streams.seed("weights"))
    recipe = Recipe(epochs=options.pairs + WARM_UP, batch_size=BATCH)
    ends = train_epochs(network, [training], testing, recipe, streams, observer)
    next(ends)

    def one_epoch() -> float:
        end = next(ends)
        trained = len(images) / end.metrics["images_per_second"]
        began = time.perf_counter()
        observer.take()
        if scores:
            measure(end.network, training.batches(2 * BATCH), images.ids, scores, device)
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


if __name__ == "__main__":
    main()
