"""A network small enough to train on a laptop in seconds."""

from __future__ import annotations

from torch import nn

from memest.grammar.values import Count
from memest.models.base import MODELS, average_head, conv_norm_relu


@MODELS.register
def tiny(channels: int, classes: int, *, width: Count = 16) -> nn.Module:
    """Three 3×3 convolutions, the last two of stride 2: (N, channels, H, W) → (N, classes).

    Args:
        channels: C of the images.
        classes: K, the number of logits.
        width: channels of the first convolution; the next two have twice and four times as many.
    """
    return nn.Sequential(
        conv_norm_relu(channels, width, 3),
        conv_norm_relu(width, 2 * width, 3, stride=2),
        conv_norm_relu(2 * width, 4 * width, 3, stride=2),
        average_head(4 * width, classes),
    )
