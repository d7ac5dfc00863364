"""The network made ready for scoring, and batches that do not fit into memory."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from memest.errors import MemoryFullError
from memest.loading import Batch
from memest.models import MODELS, build_model
from memest.scores import ScoreSet, measure
from memest.scores.engine.inference import folded, frozen

CPU = torch.device("cpu")
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


class Small(nn.Module):
    """A network on a machine that holds `most` examples at once; its forward cannot be traced."""

    def __init__(self, most: int, message: str) -> None:
        super().__init__()
        self.inner = build_model("tiny", 1, 10, 0)
        self.most, self.message, self.sizes = most, message, list[int]()

    def forward(self, images: Tensor) -> Tensor:
        """Logits, or the error that torch gives where an allocation fails."""
        if len(images) > self.most:
            raise RuntimeError(self.message)
        self.sizes.append(len(images))
        logits: Tensor = self.inner(images)
        return logits


def batch(count: int, channels: int = 1) -> Batch:
    """Random images with labels and ids."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(count, channels, 16, 16, generator=generator)
    return Batch(images, torch.arange(count) % 10, torch.arange(count))


BEHIND_POOLING = {"airbench": 3}
"""Batch norms that stand behind a pooling layer, where there is no convolution to fold them into."""


@pytest.mark.parametrize("name", list(MODELS))
def test_folding_keeps_the_values(name: str) -> None:
    """No batch norm is left behind a convolution; logits are the network's own to float32 rounding."""
    network = build_model(name, 3, 10, 0)
    images = batch(16, channels=3).images
    with torch.no_grad():
        network(images)  # batch norms see data, so that they are not the identity
        with frozen(network):
            expected = network(images)
            fast = folded(network)
            came = fast(images.to(memory_format=torch.channels_last))
    assert fast is not network
    assert sum(isinstance(module, NORMS) for module in fast.modules()) == BEHIND_POOLING.get(name, 0)
    np.testing.assert_allclose(came, expected, rtol=0, atol=2e-5 * float(expected.abs().max()))


@pytest.mark.parametrize("scores", ["loss", "loss, curvature(probes=2)"])
def test_batches_that_do_not_fit_are_halved(scores: str) -> None:
    """Where memory ends, batches are halved until they fit, and values are those of whole batches."""
    whole, small = (Small(most, "DefaultCPUAllocator: can't allocate memory") for most in (100, 3))
    chosen = ScoreSet(scores)
    expected = measure(whole, [batch(20)], np.arange(20), chosen, CPU)
    came = measure(small, [batch(20)], np.arange(20), chosen, CPU)
    assert max(small.sizes) <= 3
    for key in chosen.keys:
        np.testing.assert_allclose(came[key], expected[key], rtol=2e-2 if "curvature" in key else 1e-5)


def test_a_single_example_that_does_not_fit_is_a_clear_error() -> None:
    """Halving ends at one example, with a way out in the message and the network as it was."""
    network = Small(0, "DefaultCPUAllocator: can't allocate memory").train()
    with pytest.raises(MemoryFullError, match="a single example"):
        measure(network, [batch(4)], np.arange(4), ScoreSet("loss"), CPU)
    assert network.training


def test_other_errors_are_not_taken_for_full_memory() -> None:
    """A mistake in a network is raised as it is, at once."""
    network = Small(0, "mat1 and mat2 shapes cannot be multiplied")
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        measure(network, [batch(4)], np.arange(4), ScoreSet("loss"), CPU)
