"""What the callback costs in a Lightning training: calls of `fit` for an epoch each, in turns.

    python -m benchmarks.lightning_loop

Both sides train the same network from the same seed; what `fit` itself takes to begin counts for both.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.free_csl import BATCH, CLASSES, synthetic
from benchmarks.recording import compare, options_of
from memest.models import build_model
from memest.recorder import Recorder

BAR = 1.05


def main() -> None:
    """Measure, print the table, write the JSON."""
    options = options_of(
        __doc__, model=("resnet18(width=16)", "network spec"), images=(1024, "in an epoch, 32 × 32 × 3")
    )
    compare(
        "lightning_loop",
        "Lightning",
        lambda recorded: epochs_of(options.model, options.images, options.device, recorded),
        BAR,
        options,
        model=options.model,
        images=options.images,
        batch=BATCH,
        classes=CLASSES,
    )


def epochs_of(model: str, count: int, device: str, recorded: bool) -> Callable[[], None]:
    """A function that trains one more epoch."""
    from lightning.pytorch import LightningModule, Trainer

    from memest.integrations.lightning import CSLCallback

    class Classifier(LightningModule):  # type: ignore[misc]
        """The network, and the loss of a batch (images, labels, ids)."""

        def __init__(self) -> None:
            super().__init__()
            self.network = build_model(model, 3, CLASSES, 0)

        def forward(self, images: Tensor) -> Tensor:
            logits: Tensor = self.network(images)
            return logits

        def training_step(self, batch: list[Tensor], number: int) -> Tensor:
            return functional.cross_entropy(self(batch[0]), batch[1])

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.parameters(), lr=0.01, momentum=0.9)

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="lightning")
    images = synthetic(count)
    pixels = torch.from_numpy(images.images).permute(0, 3, 1, 2).float() / 255
    data = TensorDataset(pixels, torch.from_numpy(images.labels), torch.from_numpy(images.ids))
    loader, module = DataLoader(data, BATCH, shuffle=True), Classifier()
    callbacks: list[Any] = [CSLCallback(Recorder(images.ids))] if recorded else []
    settings: dict[str, Any] = dict.fromkeys(
        ("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False
    )

    def one_epoch() -> None:
        accelerator = "gpu" if device == "cuda" else "cpu"
        trainer = Trainer(accelerator=accelerator, devices=1, max_epochs=1, callbacks=callbacks, **settings)
        trainer.fit(module, loader)

    return one_epoch


if __name__ == "__main__":
    main()
