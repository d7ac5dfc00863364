"""What the Recorder costs in a plain training loop.

    python -m benchmarks.own_loop

Both sides train the same network from the same seed on the same batches. The recorder keeps all logit scores,
labels and mean probabilities, and closes its epoch on the clock.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn import functional

from benchmarks.free_csl import BATCH, CLASSES, synthetic
from benchmarks.recording import compare, options_of
from memest.models import build_model
from memest.recorder import Recorder

BAR, UPPER_BAR = 1.02, 1.05


def main() -> None:
    """Measure, print the table, write the JSON."""
    options = options_of(
        __doc__, model=("resnet18(width=16)", "network spec"), images=(1024, "in an epoch, 32 × 32 × 3")
    )
    device = torch.device(options.device)
    compare(
        "own_loop",
        "a plain loop",
        lambda recorded: epochs_of(options.model, options.images, device, recorded),
        BAR,
        options,
        UPPER_BAR,
        model=options.model,
        images=options.images,
        batch=BATCH,
        classes=CLASSES,
    )


def epochs_of(model: str, count: int, device: torch.device, recorded: bool) -> Callable[[], None]:
    """A function that trains one more epoch."""
    images = synthetic(count)
    pixels = torch.from_numpy(images.images).permute(0, 3, 1, 2).float().to(device) / 255
    labels, ids = torch.from_numpy(images.labels).to(device), torch.from_numpy(images.ids).to(device)
    network = build_model(model, 3, CLASSES, 0).to(device).train()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9)
    recorder = Recorder(images.ids) if recorded else None

    def one_epoch() -> None:
        for chosen in torch.split(torch.randperm(count).to(device), BATCH):
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

    return one_epoch


if __name__ == "__main__":
    main()
