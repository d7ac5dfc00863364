"""A network small enough to train on a laptop in seconds."""

from __future__ import annotations

from torch import nn

from memest.grammar.values import Count
from memest.models.base import MODELS, average_head, conv_norm_relu, stem


@MODELS.register
def tiny(channels: int, classes: int, size: int = 32, *, width: Count = 16) -> nn.Module:
    """Three 3×3 convolutions, the last two of stride 2: (N, channels, H, W) → (N, classes).

    Args:
        channels: C of the images.
        classes: K, the number of logits.
        size: of the images; from 128 on the first convolution is that of `stem`.
        width: channels of the first convolution; the next two have twice and four times as many.
    """
    return nn.Sequential(
        stem(channels, width, size),
        conv_norm_relu(width, 2 * width, 3, stride=2),
        conv_norm_relu(2 * width, 4 * width, 3, stride=2),
        average_head(4 * width, classes),
    )
