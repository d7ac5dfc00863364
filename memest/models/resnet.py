"""Residual networks: below 128 pixels in the form used for CIFAR, from there on in that of ImageNet.

Source: He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition", CVPR 2016; weights as in
their "Delving Deep into Rectifiers", ICCV 2015. The bottleneck's stride is in its 3×3 convolution, as all
libraries have it since, and as the paper had it in the first 1×1.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from memest.grammar.values import Count
from memest.models.base import MODELS, average_head, conv_norm, conv_norm_relu, stem


@MODELS.register
def resnet18(channels: int, classes: int, size: int = 32, *, width: Count = 64) -> nn.Module:
    """ResNet-18, four stages of two blocks: (N, channels, H, W) → (N, classes).

    Args:
        channels: C of the images.
        classes: K, the number of logits.
        size: of the images; decides the stem, see `stem`.
        width: channels of the first stage; every later stage doubles them and halves the resolution.
    """
    return _residual(ResidualBlock, (2, 2, 2, 2), stem(channels, width, size), width, classes)


@MODELS.register
def resnet50(channels: int, classes: int, size: int = 32, *, width: Count = 64) -> nn.Module:
    """ResNet-50, four stages of three, four, six and three bottlenecks: (N, channels, H, W) → (N, classes).

    Args:
        channels: C of the images.
        classes: K, the number of logits.
        size: of the images; decides the stem, see `stem`.
        width: inner channels of the first stage; a block gives four times as many.
    """
    return _residual(Bottleneck, (3, 4, 6, 3), stem(channels, width, size), width, classes)


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions added to their input: (N, inputs, H, W) → (N, width, ⌈H/stride⌉, ⌈W/stride⌉).

    The input is projected by a 1×1 convolution where its shape differs from the output's.
    """

    expansion = 1

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.residual = nn.Sequential(conv_norm_relu(inputs, width, 3, stride), conv_norm(width, width, 3))
        self.shortcut = _shortcut(inputs, width, stride)

    def forward(self, features_NCHW: Tensor) -> Tensor:
        """The rectified sum of both paths."""
        return torch.relu(self.residual(features_NCHW) + self.shortcut(features_NCHW))


class Bottleneck(nn.Module):
    """1×1, 3×3 and 1×1 convolutions added to their input: → (N, 4 width, ⌈H/stride⌉, ⌈W/stride⌉)."""

    expansion = 4

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        outputs = self.expansion * width
        self.residual = nn.Sequential(
            conv_norm_relu(inputs, width, 1),
            conv_norm_relu(width, width, 3, stride),
            conv_norm(width, outputs, 1),
        )
        self.shortcut = _shortcut(inputs, outputs, stride)

    def forward(self, features_NCHW: Tensor) -> Tensor:
        """The rectified sum of both paths."""
        return torch.relu(self.residual(features_NCHW) + self.shortcut(features_NCHW))


def _shortcut(inputs: int, outputs: int, stride: int) -> nn.Module:
    return nn.Identity() if inputs == outputs and stride == 1 else conv_norm(inputs, outputs, 1, stride)


def _residual(
    block: type[ResidualBlock] | type[Bottleneck],
    counts: tuple[int, ...],
    first: nn.Module,
    width: int,
    classes: int,
) -> nn.Module:
    """A residual network whose stages have so many blocks, after the stem `first` of `width` channels."""
    layers, inputs = [first], width
    for number, count in enumerate(counts):
        stage: list[nn.Module] = []
        for place in range(count):
            stage.append(block(inputs, width * 2**number, 2 if number and not place else 1))
            inputs = block.expansion * width * 2**number
        layers.append(nn.Sequential(*stage))
    model = nn.Sequential(*layers, average_head(inputs, classes))
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return model
