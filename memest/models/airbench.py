"""The network of the CIFAR speed runs: few, wide convolutions at low resolution, so that a CPU keeps up.

Source: Jordan, "94% on CIFAR-10 in 3.29 Seconds on a Single GPU", 2024. It departs from it in three ways:
the first convolution is learned like the others instead of whitening the training images; rectifiers instead
of GELU; no scale on the logits.
"""

from __future__ import annotations

from torch import nn

from memest.grammar.values import Count
from memest.models.base import MODELS, conv_norm_relu
from memest.models.inception import GlobalMax


@MODELS.register
def airbench(channels: int, classes: int, *, width: Count = 64, stride: Count = 1) -> nn.Module:
    """Seven convolutions, max-pooling after three of them: (N, channels, H, W) → (N, classes).

    Args:
        channels: C of the images.
        classes: K, the number of logits.
        width: channels of the first group; the next two have four times as many.
        stride: of the first convolution; 2 makes all that follows four times as cheap.
    """
    stem = max(1, 3 * width // 8)
    return nn.Sequential(
        conv_norm_relu(channels, stem, 3, stride),
        *_group(stem, width),
        *_group(width, 4 * width),
        *_group(4 * width, 4 * width),
        GlobalMax(),
        nn.Linear(4 * width, classes),
    )


def _group(inputs: int, outputs: int) -> list[nn.Module]:
    """Convolution, pooling, convolution: (N, inputs, H, W) → (N, outputs, ⌈H/2⌉, ⌈W/2⌉).

    Pooling comes before the first batch norm, which then works on a quarter of the values.
    """
    return [
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
        nn.MaxPool2d(2, ceil_mode=True),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
        conv_norm_relu(outputs, outputs, 3),
    ]
