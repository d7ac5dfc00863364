"""Micro-batches: whatever batches examples come in, their scores have the same bits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from memest.data import load_images
from memest.loading import Batch
from memest.models import MODELS, build_model
from memest.scores import Rows, ScoreSet, measure
from memest.scores.engine.micro_batches import ExampleBatch, MicroBatches

CPU = torch.device("cpu")
SCORES = ScoreSet("loss, input_gradient, curvature(probes=1)")
COUNT = 6


def examples() -> Batch:
    """Digits enlarged to 32 × 32 and coloured: real images, with flat areas in which values of a pool tie."""
    chosen = load_images("digits").train.take(np.arange(COUNT))
    pixels = np.kron(chosen.images[..., 0], np.ones((4, 4))).astype(np.float32) / 255
    colours = np.random.default_rng(0).uniform(0.5, 1, (COUNT, 3, 1, 1)).astype(np.float32)
    images = torch.from_numpy((pixels[:, None] * colours - 0.3) / 0.3)
    return Batch(images, torch.from_numpy(chosen.labels), torch.from_numpy(chosen.ids))


def measured(
    network: nn.Module, size: int, micro: int = 4, order: Any = slice(None)
) -> dict[str, NDArray[Any]]:
    """Scores of the examples in another order, in batches of `size`, cut to micro-batches of `micro`."""
    whole, places = examples(), torch.arange(COUNT)[order]
    batches = [
        Batch(whole.images[part], whole.labels[part], whole.ids[part])
        for part in (places[start : start + size] for start in range(0, COUNT, size))
    ]
    return measure(network, batches, whole.ids.numpy(), SCORES, CPU, 5, batch_size=micro)


@pytest.mark.parametrize("name", list(MODELS))
def test_no_bit_depends_on_batches_or_order(name: str) -> None:
    """Shuffled in batches of 1 or in order all at once, an example has one loss, gradient and curvature.

    In micro-batches of other sizes their bits differ, and those of trained networks by more than rounding.
    """
    network = build_model(name, 3, 10, 0)
    with torch.no_grad():
        network.train()(examples().images)  # batch norms see data
    expected = measured(network, COUNT)
    shuffled = np.random.default_rng(1).permutation(COUNT)
    came = measured(network, 1, order=shuffled)
    for key, values in expected.items():
        np.testing.assert_array_equal(came[key], values, err_msg=key)


class Noted:
    """Scores that are the ids themselves; the sizes that were asked for are noted, and may be too large."""

    def __init__(self, most: int = 1000) -> None:
        self.most, self.sizes = most, list[int]()

    def score(self, batch: ExampleBatch) -> dict[str, Tensor]:
        """The ids, or the error that torch gives where an allocation fails."""
        if len(batch.ids) > self.most:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        assert len(batch.images) == len(batch.labels) == len(batch.ids)
        self.sizes.append(len(batch.ids))
        return {"id": batch.ids.float()}


@pytest.mark.parametrize("sizes", [[10], [1] * 10, [3, 4, 3], [8, 2], [9, 1], [4, 4, 2]])
@pytest.mark.parametrize("micro", [1, 3, 4, 8, 16])
@pytest.mark.parametrize("most", [1000, 5, 2])
def test_every_micro_batch_is_full_and_every_example_comes_once(
    sizes: list[int], micro: int, most: int
) -> None:
    """However batches are cut, what is computed has one size, halved until it fits; copies do not count."""
    rows, noted = Rows(np.arange(10), CPU), Noted(most)
    micro_batches = MicroBatches(noted.score, rows, micro)
    start = 0
    for size in sizes:
        ids = torch.arange(start, start + size)
        micro_batches.put(Batch(torch.zeros(size, 1, 2, 2), ids, ids))
        start += size
    micro_batches.finish()
    np.testing.assert_array_equal(rows.take()["id"], np.arange(10))
    fits = micro
    while fits > most:
        fits //= 2
    assert set(noted.sizes) == {fits}
    assert len(noted.sizes) == -(-10 // fits)
