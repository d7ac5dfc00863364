"""What the Recorder costs in a plain training loop: epochs with it against epochs without, in turns.

    python -m benchmarks.own_loop

Both sides train the same network from the same seed on the same batches. The recorder keeps all logit scores,
labels and mean probabilities, and closes its epoch on the clock.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator

import torch
from torch.nn import functional

from benchmarks.free_csl import BATCH, CLASSES, WARM_UP, synthetic
from benchmarks.rows import Row, at_most, compared, publish
from benchmarks.timing import Timed, alternate
from memest.models import build_model
from memest.recorder import Recorder

BAR, UPPER_BAR = 1.02, 1.05


def main() -> None:
    """Measure, print the table, write the JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=20, help="pairs of epochs")
    parser.add_argument("--model", default="resnet18(width=16)", help="network spec")
    parser.add_argument("--images", type=int, default=1024, help="images in an epoch, 32 × 32 × 3")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    options = parser.parse_args()
    device = torch.device(options.device)
    plain, ours = epochs_of(options, device, False), epochs_of(options, device, True)
    alternate(plain, ours, WARM_UP)
    ratio = alternate(plain, ours, options.pairs)
    row = compared("a plain loop with the Recorder / without", ratio)
    upper = Row(f"{row.what}, upper 95 %", ratio.interval()[1])
    settings = {"model": options.model, "images": options.images, "batch": BATCH, "classes": CLASSES}
    rows = [at_most(BAR, row), at_most(UPPER_BAR, upper)]
    publish("own_loop", device, rows, settings=settings, pairs={"plain": ratio.report()})


def epochs_of(options: argparse.Namespace, device: torch.device, recorded: bool) -> Timed:
    """A function that trains one more epoch and returns its seconds."""
    images = synthetic(options.images)
    pixels = torch.from_numpy(images.images).permute(0, 3, 1, 2).float().to(device) / 255
    labels, ids = torch.from_numpy(images.labels).to(device), torch.from_numpy(images.ids).to(device)
    network = build_model(options.model, 3, CLASSES, 0).to(device).train()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9)
    recorder = Recorder(images.ids) if recorded else None

    def batches() -> Iterator[torch.Tensor]:
        return iter(torch.split(torch.randperm(len(images)).to(device), BATCH))

    def one_epoch() -> float:
        began = time.perf_counter()
        for chosen in batches():
            logits = network(pixels[chosen])
            if recorder:
                recorder.update(logits, labels[chosen], ids[chosen])
            optimizer.zero_grad()
            torch.autograd.backward(functional.cross_entropy(logits, labels[chosen]))
            optimizer.step()
        if recorder:
            recorder.end_epoch()
        if device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - began

    return one_epoch


if __name__ == "__main__":
    main()
