"""How fast memest trains: against a plain loop, and against what the device can multiply.

The plain loop is the one most people write: a data loader with worker processes that augments one image at
a time, float32, `.item()` for the loss and the accuracy at every step. Both train the same network on the
same images with the same batch size; an epoch each in turns. memest trains in bf16 and channels last where
this device multiplies bf16 faster than float32, and on a GPU compiled: not `memest train`'s defaults. That
they cost no accuracy is measured apart: the fast recipe and the defaults from the same seeds, on generated
images that can be learned.

From the measured times it then projects the whole mislabel cell: 200 epochs on 50,000 images with every
score from logits and 10,000 test images after every epoch; and, apart, curvature at every tenth epoch on top.
Writing sheets is not in it (`sheet_rates`). The share of the matrix product is by operations as torch counts
them; on a CPU it can exceed one, because convolutions are computed by another library than products.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.free_csl import BATCH, CLASSES, synthetic
from benchmarks.generated import patterns
from benchmarks.rows import Row, at_least, at_most, compared, publish
from benchmarks.timing import alternate
from memest.data import ImageSet
from memest.grammar.once import OnceParser
from memest.loading import Loader
from memest.models import build_model
from memest.scores import OnlineScores, ScoreSet, measure
from memest.seeding import Streams
from memest.training import Recipe, train_epochs

BAR = {"cpu": 1.5, "cuda": 4.0}
ACCURACY_BAR, ACCURACY_SEEDS = 0.02, 3
CELL_IMAGES, CELL_TESTED, CELL_EPOCHS = 50_000, 10_000, 200
CURVED_EPOCHS = CELL_EPOCHS // 10 + 1


def main() -> None:
    """Measure, project, print, write JSON."""
    options = arguments()
    device = torch.device(options.device)
    images = synthetic(options.images)
    kind = fastest_kind(device)
    fast: dict[str, Any] = {"precision": "bf16", "channels_last": True} if kind == torch.bfloat16 else {}
    fast |= {"compile": True} if device.type == "cuda" else {}
    recipe = Recipe(epochs=options.pairs + 1, batch_size=BATCH, augmentation="crop_flip", **fast)
    ours, plain = memest_epochs(images, options.model, recipe, device), plain_epochs(images, options, device)
    next(ours), next(plain)
    products: list[float] = []

    def ours_then_product() -> float:
        took = next(ours)
        products.append(multiply_rate(device, kind))
        return took

    ratio = alternate(ours_then_product, lambda: next(plain), options.pairs)
    rate = len(images) / float(np.median(ratio.plain))
    work, peak = flops_per_image(options.model), max(products)
    row = compared("plain loop / memest, an epoch of training", ratio)
    apart = [accuracy_apart(options, fast, seed, device) for seed in range(ACCURACY_SEEDS)]
    rows = [
        at_least(BAR[device.type], row) if fast else row,
        at_most(
            ACCURACY_BAR,
            Row(
                "test accuracy of the defaults − that of the fast recipe",
                float(np.mean(apart)),
                "",
                (min(apart), max(apart)),
                spread="range",
            ),
        ),
        Row("memest trains", rate, "images/s"),
        Row("a large matrix product in the same precision, best", peak / 1e12, "TFLOP/s"),
        Row("training, as a share of that, by operations counted", rate * work / peak, ""),
        *projected(images, options, device, rate),
    ]
    settings = {"model": options.model, "images": options.images, "workers": options.workers}
    settings |= {"transforms": "torchvision" if find_spec("torchvision") else "torch"}
    seconds = {"memest_seconds": ratio.plain.tolist(), "plain_loop_seconds": ratio.measured.tolist()}
    publish("throughput", device, rows, settings=settings, recipe=dataclasses.asdict(recipe), **seconds)


def arguments() -> argparse.Namespace:
    """The flags."""
    parser = OnceParser(__doc__)
    parser.add_argument("--pairs", type=int, default=9, help="epochs of each side, in turns")
    parser.add_argument("--model", default="resnet18", help="network spec")
    parser.add_argument("--images", type=int, help="in an epoch, 32 × 32 × 3; 256, on a GPU 25600")
    parser.add_argument("--workers", type=int, help="processes that load data for the plain loop; to 8")
    parser.add_argument("--learned", type=int, help="images on which accuracies are compared; 1024")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    options = parser.parse_args()
    options.images = options.images or (256 if options.device == "cpu" else 25600)
    options.learned = options.learned or 1024
    options.workers = min(8, os.cpu_count() or 1) if options.workers is None else options.workers
    return options


def memest_epochs(images: ImageSet, model: str, recipe: Recipe, device: torch.device) -> Iterator[float]:
    """Seconds of each training epoch of memest, its free scores included."""
    streams, statistics = Streams(0), images.statistics()
    recorder = OnlineScores(images.ids, "logits", device)
    network = build_model(model, images.channels, CLASSES, streams.seed("weights"))
    training = Loader(images, statistics, device)
    testing = Loader(images.take(np.arange(1)), statistics, device)
    for end in train_epochs(network, [training], testing, recipe, streams, recorder):
        began = time.perf_counter()
        recorder.take()
        if end.epoch:
            yield len(images) / end.metrics["images_per_second"] + time.perf_counter() - began


class _OneByOne(Dataset[tuple[torch.Tensor, int]]):
    def __init__(self, images: ImageSet) -> None:
        self._images = images
        self._transform = one_image(*images.statistics())

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, place: int) -> tuple[torch.Tensor, int]:
        return self._transform(self._images.images[place]), int(self._images.labels[place])


def one_image(mean: NDArray[np.float32], deviation: NDArray[np.float32]) -> Callable[..., torch.Tensor]:
    """Augments and normalises one image (H, W, C): by torchvision, or alike in torch where it is missing."""
    if find_spec("torchvision"):
        from torchvision import transforms

        composed: Callable[..., torch.Tensor] = transforms.Compose(
            [
                transforms.ToPILImage(),
                transforms.RandomCrop(32, padding=4),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                transforms.Normalize(mean.tolist(), deviation.tolist()),
            ]
        )
        return composed
    shift, scale = (torch.from_numpy(values).view(-1, 1, 1) for values in (mean, deviation))

    def in_torch(pixels: NDArray[np.uint8]) -> torch.Tensor:
        padded = functional.pad(torch.from_numpy(pixels).permute(2, 0, 1), (4, 4, 4, 4))
        row, column, mirrored = (int(torch.randint(0, most, ())) for most in (9, 9, 2))
        cropped = padded[:, row : row + pixels.shape[0], column : column + pixels.shape[1]]
        return ((cropped.flip(2) if mirrored else cropped).float() / 255 - shift) / scale

    return in_torch


def accuracy_apart(
    options: argparse.Namespace, fast: dict[str, Any], seed: int, device: torch.device
) -> float:
    """Test accuracy after ten epochs with the default recipe minus that with the fast one."""
    training, testing = patterns(options.learned), patterns(options.learned, seed=1)
    found = []
    for recipe in (Recipe(epochs=10, lr=0.05), Recipe(epochs=10, lr=0.05, **fast)):
        streams, statistics = Streams(seed), training.statistics()
        loaders = [Loader(images, statistics, device) for images in (training, testing)]
        network = build_model("resnet18(width=8)", 3, len(training.classes), streams.seed("weights"))
        online = OnlineScores(training.ids, "loss", device)
        for end in train_epochs(network, loaders[:1], loaders[1], recipe, streams, online):
            online.take()
            accuracy = end.metrics.get("test/accuracy", 0.0)
        found.append(accuracy)
    return found[0] - found[1]


def plain_epochs(images: ImageSet, options: argparse.Namespace, device: torch.device) -> Iterator[float]:
    """Seconds of each epoch of the loop that most people write."""
    network = build_model(options.model, images.channels, CLASSES, 0).to(device)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
    workers = {"num_workers": options.workers, "persistent_workers": options.workers > 0}
    loader = DataLoader(
        _OneByOne(images), batch_size=BATCH, shuffle=True, pin_memory=device.type == "cuda", **workers
    )
    while True:
        began = time.perf_counter()
        for inputs, labels in loader:
            inputs, labels = inputs.to(device), labels.to(device)
            logits = network(inputs)
            loss = functional.cross_entropy(logits, labels)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            loss.item(), (logits.argmax(1) == labels).sum().item()
        yield time.perf_counter() - began


def flops_per_image(model: str) -> float:
    """Floating-point operations of a forward and a backward pass, per image, as torch counts them."""
    network, batch = build_model(model, 3, CLASSES, 0), torch.randn(2, 3, 32, 32)
    with FlopCounterMode(display=False) as counter:
        network(batch).sum().backward()
    return float(counter.get_total_flops()) / len(batch)


def fastest_kind(device: torch.device) -> torch.dtype:
    """bf16 where the device multiplies it at least half as fast again as float32, else float32."""
    rates = {kind: multiply_rate(device, kind) for kind in (torch.bfloat16, torch.float32)}
    return torch.bfloat16 if rates[torch.bfloat16] > 1.5 * rates[torch.float32] else torch.float32


def multiply_rate(device: torch.device, kind: torch.dtype) -> float:
    """Operations per second of a large matrix product, best of five."""
    size = 2048 if device.type == "cpu" else 8192
    left, right = (torch.randn(size, size, device=device, dtype=kind) for _ in range(2))

    def once() -> float:
        began = time.perf_counter()
        left @ right
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return time.perf_counter() - began

    once()
    return 2 * size**3 / min(once() for _ in range(5))


def projected(images: ImageSet, options: argparse.Namespace, device: torch.device, rate: float) -> list[Row]:
    """The whole mislabel cell, from measured times of its parts."""
    network = build_model(options.model, images.channels, CLASSES, 0).to(device)
    loader = Loader(images, images.statistics(), device)
    logits = pass_rate(network, images, loader, "logits", device)
    curved = pass_rate(network, images, loader, "logits, input_gradient, curvature", device)
    passes = (CELL_EPOCHS + 1) * (CELL_IMAGES + CELL_TESTED)
    cell = CELL_EPOCHS * CELL_IMAGES / rate + passes / logits
    extra = CURVED_EPOCHS * CELL_IMAGES * (1 / curved - 1 / logits)
    return [
        Row("a clean pass for all logit scores", logits, "images/s"),
        Row("a pass for these, gradient and curvature n = 10", curved, "images/s"),
        Row("projected: 200 epochs, 50,000 images, logit scores, test set", cell / 60, "minutes"),
        Row("projected: curvature at every tenth epoch, on top", extra / 60, "minutes"),
    ]


def pass_rate(
    network: nn.Module, images: ImageSet, loader: Loader, scores: str, device: torch.device
) -> float:
    """Images scored per second, the second of two passes."""
    for _ in range(2):
        began = time.perf_counter()
        measure(network, loader.batches(2 * BATCH), images.ids, ScoreSet(scores), device)
        took = time.perf_counter() - began
    return len(images) / took


if __name__ == "__main__":
    main()
