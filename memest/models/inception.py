"""The small Inception that published memorization scores were measured with.

Source: Zhang, Bengio, Hardt, Recht, Vinyals, "Understanding deep learning requires rethinking
generalization", ICLR 2017, appendix A; used for CIFAR-100 by Feldman, Zhang, "What Neural Networks
Memorize and Why", NeurIPS 2020, with global max-pooling.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from memest.grammar.values import Count
from memest.models.base import MODELS, conv_norm_relu, stem


@MODELS.register
def small_inception(channels: int, classes: int, size: int = 32, *, width: Count = 96) -> nn.Module:
    """Eight inception modules in three stages, global max-pooling: (N, channels, H, W) → (N, classes).

    Args:
        channels: C of the images.
        classes: K, the number of logits.
        size: of the images; decides the stem, see `stem`, and that of small images is the source's.
        width: channels of the stem; every other layer keeps its proportion to it.
    """
    layers: list[nn.Module] = [stem(channels, width, size)]
    inputs = width
    for kind, *published in _MODULES:
        sizes = [width * size // 96 for size in published]
        layers.append(kind(inputs, *sizes))
        inputs = sum(sizes) if kind is inception else sum(sizes) + inputs
    return nn.Sequential(*layers, GlobalMax(), nn.Linear(inputs, classes))


def inception(inputs: int, ones: int, threes: int) -> nn.Module:
    """1×1 and 3×3 convolutions side by side: (N, inputs, H, W) → (N, ones + threes, H, W)."""
    return Branches(conv_norm_relu(inputs, ones, 1), conv_norm_relu(inputs, threes, 3))


def downsample(inputs: int, filters: int) -> nn.Module:
    """Convolution and max-pooling, both of stride 2, side by side.

    (N, inputs, H, W) → (N, filters + inputs, ⌈H/2⌉, ⌈W/2⌉).
    """
    return Branches(conv_norm_relu(inputs, filters, 3, stride=2), nn.MaxPool2d(3, stride=2, padding=1))


_MODULES = (
    (inception, 32, 32),
    (inception, 32, 48),
    (downsample, 80),
    (inception, 112, 48),
    (inception, 96, 64),
    (inception, 80, 80),
    (inception, 48, 96),
    (downsample, 96),
    (inception, 176, 160),
    (inception, 176, 160),
)
"""Channels of the 1×1 and of the 3×3 convolution, or of the one that halves the resolution."""


class Branches(nn.Module):
    """Modules that read the same input, their outputs joined along the channels."""

    def __init__(self, *branches: nn.Module) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, features_NCHW: Tensor) -> Tensor:
        """The outputs of the branches, in order, as one tensor."""
        return torch.cat([branch(features_NCHW) for branch in self.branches], dim=1)


class GlobalMax(nn.Module):
    """The largest value of each channel: (N, C, H, W) → (N, C).

    Unlike `nn.AdaptiveMaxPool2d` it has a deterministic gradient on a GPU.
    """

    def forward(self, features_NCHW: Tensor) -> Tensor:
        """The maximum over height and width."""
        return features_NCHW.amax(dim=(2, 3))
