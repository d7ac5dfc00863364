"""The same training through `memest train` and through a hand-written loop with the Recorder."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional

from memest.data import corrupt, load_images
from memest.grammar.config import build
from memest.models import build_model
from memest.recorder import Recorder
from memest.runs.config import TrainConfig
from memest.seeding import Streams
from memest.stages.train import train
from memest.store import SheetReader

EPOCHS, BATCH, RATE, MOMENTUM, DECAY, LIMIT = 3, 32, 0.05, 0.9, 1e-3, 150
NOISE = "symmetric_noise(rate=0.1)"


def recorded() -> Recorder:
    """A loop by hand: its own pixels, optimizer and loss; order and first weights are those of the seed."""
    streams = Streams(4)
    images, _ = corrupt(load_images("digits", LIMIT).train, NOISE, streams)
    pixels = torch.from_numpy(images.images.astype(np.float64) / 255).permute(0, 3, 1, 2)
    mean, deviation = pixels.mean((0, 2, 3)), pixels.std((0, 2, 3), correction=0)
    x = ((pixels - mean.view(1, -1, 1, 1)) / deviation.view(1, -1, 1, 1)).float()
    labels, ids = torch.from_numpy(images.labels), torch.from_numpy(images.ids)
    network = build_model("tiny", images.channels, len(images.classes), streams.seed("weights"))
    optimizer = torch.optim.SGD(network.parameters(), RATE, MOMENTUM, weight_decay=DECAY)
    recorder = Recorder(images.ids, classes=images.classes)
    for epoch in range(1, EPOCHS + 1):
        drawn = torch.Generator().manual_seed(streams.seed("order", epoch))
        for chosen in torch.randperm(len(ids), generator=drawn).split(BATCH):
            logits = network(x[chosen])
            recorder.update(logits, labels[chosen], ids[chosen])
            optimizer.zero_grad()
            functional.cross_entropy(logits, labels[chosen]).backward()
            optimizer.step()
        recorder.end_epoch()
    return recorder


def test_a_loop_by_hand_records_what_train_records() -> None:
    """Every `seen/…` trace to the rounding of float32, the summaries of them, and the labels' fingerprint."""
    settings = {
        "data": "digits", "limit": LIMIT, "corruption": NOISE, "seed": 4, "model": "tiny", "epochs": EPOCHS,
        "batch_size": BATCH, "lr": RATE, "momentum": MOMENTUM, "weight_decay": DECAY,
        "schedule": "steps(at_first=1.0, at_second=1.0)", "augmentation": "none", "scores": "logits",
        "tracking": "off",
    }  # fmt: skip
    theirs = SheetReader.open(train(build(TrainConfig, settings)).run.blobs)
    ours = Recorder.read(recorded().save("recording"))
    keys = {key for key in theirs.manifest.scores if key.startswith("seen/")}
    assert keys == set(ours.manifest.scores)
    assert len(keys) == 7
    for key in keys:
        values, expected = ours.trace(key)[1], theirs.trace(key)[1]
        np.testing.assert_allclose(values, expected, rtol=2e-5, atol=2e-5, err_msg=key)
    mine, stored = ours.summary(), theirs.summary()
    np.testing.assert_array_equal(mine["id"], stored["id"])
    np.testing.assert_array_equal(mine["label"], stored["label"])
    np.testing.assert_allclose(mine["seen/csl"], stored["seen/csl"], rtol=1e-5)
    np.testing.assert_allclose(mine["seen/aum"], stored["seen/aum"], rtol=1e-4, atol=1e-5)
