"""Residual networks in the form used for CIFAR: 3×3 stem, no max-pooling.

Source: He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition", CVPR 2016; weights as in
their "Delving Deep into Rectifiers", ICCV 2015.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from memest.grammar.values import Count
from memest.models.base import MODELS, average_head, conv_norm, conv_norm_relu


@MODELS.register
def resnet18(channels: int, classes: int, *, width: Count = 64) -> nn.Module:
    """ResNet-18, four stages of two blocks: (N, channels, H, W) → (N, classes).

    Args:
        channels: C of the images.
        classes: K, the number of logits.
        width: channels of the first stage; every later stage doubles them and halves the resolution.
    """
    model = nn.Sequential(
        conv_norm_relu(channels, width, 3),
        _stage(width, width, stride=1),
        _stage(width, 2 * width, stride=2),
        _stage(2 * width, 4 * width, stride=2),
        _stage(4 * width, 8 * width, stride=2),
        average_head(8 * width, classes),
    )
    _initialise(model)
    return model


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions added to their input: (N, inputs, H, W) → (N, outputs, ⌈H/stride⌉, ⌈W/stride⌉).

    The input is projected by a 1×1 convolution where its shape differs from the output's.
    """

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            conv_norm_relu(inputs, outputs, 3, stride),
            conv_norm(outputs, outputs, 3),
        )
        same_shape = inputs == outputs and stride == 1
        self.shortcut = nn.Identity() if same_shape else conv_norm(inputs, outputs, 1, stride)

    def forward(self, features_NCHW: Tensor) -> Tensor:
        """The rectified sum of both paths."""
        return torch.relu(self.residual(features_NCHW) + self.shortcut(features_NCHW))


def _stage(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    return nn.Sequential(ResidualBlock(inputs, outputs, stride), ResidualBlock(outputs, outputs, 1))


def _initialise(model: nn.Module) -> None:
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
