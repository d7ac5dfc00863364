"""The small Inception that published memorization scores were measured with. Depends on `base`.

Source: Zhang, Bengio, Hardt, Recht, Vinyals, "Understanding deep learning requires rethinking
generalization", ICLR 2017, appendix A; used for CIFAR-100 by Feldman, Zhang, "What Neural Networks
Memorize and Why", NeurIPS 2020, with global max-pooling.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from memest.models.base import MODELS, conv_norm_relu


@MODELS.register
def small_inception(channels: int, classes: int) -> nn.Module:
    """Eight inception modules in three stages, global max-pooling: (N, channels, H, W) → (N, classes)."""
    return nn.Sequential(
        conv_norm_relu(channels, 96, 3),
        inception(96, 32, 32),
        inception(64, 32, 48),
        downsample(80, 80),
        inception(160, 112, 48),
        inception(160, 96, 64),
        inception(160, 80, 80),
        inception(160, 48, 96),
        downsample(144, 96),
        inception(240, 176, 160),
        inception(336, 176, 160),
        GlobalMax(),
        nn.Linear(336, classes),
    )


def inception(inputs: int, ones: int, threes: int) -> nn.Module:
    """1×1 and 3×3 convolutions side by side: (N, inputs, H, W) → (N, ones + threes, H, W)."""
    return Branches(conv_norm_relu(inputs, ones, 1), conv_norm_relu(inputs, threes, 3))


def downsample(inputs: int, filters: int) -> nn.Module:
    """Convolution and max-pooling, both of stride 2, side by side.

    (N, inputs, H, W) → (N, filters + inputs, ⌈H/2⌉, ⌈W/2⌉).
    """
    return Branches(conv_norm_relu(inputs, filters, 3, stride=2), nn.MaxPool2d(3, stride=2, padding=1))


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
