"""VGG networks with batch norm, in the form used for CIFAR: one linear head.

Source: Simonyan, Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition",
ICLR 2015, configuration D; batch norm and the single head are what CIFAR practice made of it.
"""

from __future__ import annotations

from torch import nn

from memest.grammar.values import Count
from memest.models.base import MODELS, average_head

_STAGES = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))


@MODELS.register
def vgg16(channels: int, classes: int, *, width: Count = 64) -> nn.Module:
    """VGG-16, thirteen 3×3 convolutions in five stages: (N, channels, H, W) → (N, classes).

    Each stage ends in 2×2 max-pooling that keeps an odd row or column, so that small images survive
    all five. The convolutions have biases, as in the source; in train mode batch norm cancels them.

    Args:
        width: channels of the first stage; the other stages keep their proportion to it.
    """
    layers: list[nn.Module] = []
    inputs = channels
    for widths in _STAGES:
        for outputs in (width * published // 64 for published in widths):
            layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU()]
            inputs = outputs
        layers.append(nn.MaxPool2d(2, ceil_mode=True))
    return nn.Sequential(*layers, average_head(inputs, classes))
