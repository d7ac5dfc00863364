"""Small trainings of each framework that is integrated, each recorded by its integration."""

from __future__ import annotations

import logging
import tempfile
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.planted import WORDS, Planted
from memest.recorder import Recorder

EPOCHS, BATCH, RATE = 8, 64, 0.01


def _network(planted: Planted) -> nn.Module:
    """Two layers."""
    return nn.Sequential(nn.Linear(planted.inputs.shape[1], 64), nn.ReLU(), nn.Linear(64, planted.classes))


def _loader(planted: Planted) -> DataLoader[tuple[Tensor, ...]]:
    """Batches (inputs, labels, ids)."""
    labels = torch.from_numpy(planted.labels)
    data = TensorDataset(torch.from_numpy(planted.inputs), labels, torch.arange(len(labels)))
    return DataLoader(data, BATCH, shuffle=True)


def in_plain(planted: Planted, seed: int) -> Recorder:
    """A loop by hand."""
    torch.manual_seed(seed)
    network, recorder = _network(planted), Recorder(len(planted.labels))
    optimizer = torch.optim.Adam(network.parameters(), RATE)
    for _ in range(EPOCHS):
        for x, y, ids in _loader(planted):
            logits = network(x)
            recorder.update(logits, y, ids)
            optimizer.zero_grad()
            torch.autograd.backward(functional.cross_entropy(logits, y))
            optimizer.step()
        recorder.end_epoch()
    return recorder


def in_lightning(planted: Planted, seed: int) -> Recorder:
    """The same network in Lightning."""
    from lightning.pytorch import LightningModule, Trainer

    from memest.integrations.lightning import CSLCallback

    class Classifier(LightningModule):  # type: ignore[misc]
        """The network, and the loss of a batch."""

        def __init__(self) -> None:
            super().__init__()
            self.network = _network(planted)

        def forward(self, x: Tensor) -> Any:
            return self.network(x)

        def training_step(self, batch: list[Tensor], number: int) -> Tensor:
            return functional.cross_entropy(self(batch[0]), batch[1])

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.Adam(self.parameters(), RATE)

    torch.manual_seed(seed)
    warnings.filterwarnings("ignore", module="lightning")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    callback = CSLCallback(Recorder(len(planted.labels)))
    trainer = Trainer(
        accelerator="cpu",
        max_epochs=EPOCHS,
        callbacks=[callback],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(Classifier(), _loader(planted))
    return callback.recorder


def in_transformers(planted: Planted, seed: int) -> Recorder:
    """A vision transformer of images, BERT of texts, each of one or two small layers."""
    from transformers import PrinterCallback, Trainer, TrainingArguments

    from memest.integrations.transformers import watch

    torch.manual_seed(seed)
    network, data = (_images if planted.words is None else _texts)(planted)
    arguments = TrainingArguments(
        tempfile.mkdtemp(prefix="memest-"),
        num_train_epochs=EPOCHS,
        per_device_train_batch_size=32,
        learning_rate=2e-3,
        seed=seed,
        report_to=[],
        save_strategy="no",
        logging_strategy="no",
        disable_tqdm=True,
        use_cpu=True,
    )
    trainer = Trainer(network, arguments, train_dataset=data)
    trainer.remove_callback(PrinterCallback)
    recorder = watch(trainer)
    trainer.train()
    return recorder


def _images(planted: Planted) -> tuple[Any, list[dict[str, Any]]]:
    from transformers import ViTConfig, ViTForImageClassification

    side = round(planted.inputs.shape[1] ** 0.5)
    config = ViTConfig(
        image_size=side,
        patch_size=2,
        num_channels=1,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_labels=planted.classes,
    )
    pixels = torch.from_numpy(planted.inputs).view(-1, 1, side, side) * 2 - 1
    data = [{"pixel_values": p, "labels": int(y)} for p, y in zip(pixels, planted.labels, strict=True)]
    return ViTForImageClassification(config), data


def _texts(planted: Planted) -> tuple[Any, list[dict[str, Any]]]:
    from transformers import BertConfig, BertForSequenceClassification

    config = BertConfig(
        vocab_size=WORDS,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_labels=planted.classes,
    )
    words = torch.from_numpy(np.asarray(planted.words))
    data = [
        {"input_ids": w, "attention_mask": (w > 0).long(), "labels": int(y)}
        for w, y in zip(words, planted.labels, strict=True)
    ]
    return BertForSequenceClassification(config), data


def in_keras(planted: Planted, seed: int) -> Recorder:
    """The same network in Keras."""
    import keras

    from memest.integrations.keras import Recorded

    keras.utils.set_random_seed(seed)
    layers, count = keras.layers, len(planted.labels)
    network = keras.Sequential([layers.Dense(64, activation="relu"), layers.Dense(planted.classes)])
    model = Recorded(network, ids=count)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(RATE), loss)
    targets = planted.labels, np.arange(count)
    model.fit(planted.inputs, targets, batch_size=BATCH, epochs=EPOCHS, verbose=0)
    return model.recorder


LISTS: dict[str, Callable[[Planted, int], Recorder]] = {
    "plain": in_plain,
    "Lightning": in_lightning,
    "Transformers": in_transformers,
    "Keras on TensorFlow": in_keras,
}
"""By the name of the loop: what trains on a set and was recorded."""
