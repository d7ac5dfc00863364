"""MobileNetV2; below 128 pixels in the form used for CIFAR: no down-sampling before the third stage.

Source: Sandler, Howard, Zhu, Zhmoginov, Chen, "MobileNetV2: Inverted Residuals and Linear Bottlenecks",
CVPR 2018. The form departs from it in four ways: stride 1 in the stem and the second stage, for small images;
plain rectifiers; a 1×1 projection in the shortcut where a block of stride 1 changes the width (the
source has no shortcut there); an expansion layer also where the factor is 1.
"""

from __future__ import annotations

from torch import Tensor, nn

from memest.grammar.values import Count
from memest.models.base import LARGE, MODELS, average_head, conv_norm, conv_norm_relu

_STAGES = (
    # expansion, outputs, blocks, stride of the first block
    (1, 16, 1, 1),
    (6, 24, 2, 1),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


@MODELS.register
def mobilenetv2(channels: int, classes: int, size: int = 32, *, width: Count = 32) -> nn.Module:
    """MobileNetV2, seventeen inverted residual blocks: (N, channels, H, W) → (N, classes).

    Args:
        channels: C of the images.
        classes: K, the number of logits.
        size: of the images; from 128 on stem and second stage have stride 2, as in the source.
        width: channels of the stem; every other layer keeps its proportion to it, and 4 at least.
    """
    early = 2 if size >= LARGE else 1
    layers: list[nn.Module] = [conv_norm_relu(channels, width, 3, early)]
    inputs = width
    for number, (expansion, outputs, blocks, stride_here) in enumerate(_STAGES):
        first_stride = early if number == 1 else stride_here
        outputs = max(4, width * outputs // 32)
        for stride in [first_stride] + [1] * (blocks - 1):
            layers.append(InvertedResidual(inputs, outputs, expansion, stride))
            inputs = outputs
    last = width * 1280 // 32
    return nn.Sequential(*layers, conv_norm_relu(inputs, last, 1), average_head(last, classes))


class InvertedResidual(nn.Module):
    """Expand 1×1, filter each channel 3×3, project 1×1 without a rectifier; add the input if stride is 1.

    (N, inputs, H, W) → (N, outputs, ⌈H/stride⌉, ⌈W/stride⌉), with expansion × inputs channels between.
    """

    def __init__(self, inputs: int, outputs: int, expansion: int, stride: int) -> None:
        super().__init__()
        inner = expansion * inputs
        self.residual = nn.Sequential(
            conv_norm_relu(inputs, inner, 1),
            conv_norm_relu(inner, inner, 3, stride, groups=inner),
            conv_norm(inner, outputs, 1),
        )
        self.shortcut = _shortcut(inputs, outputs) if stride == 1 else None

    def forward(self, features_NCHW: Tensor) -> Tensor:
        """The residual, plus the shortcut where there is one."""
        residual_NCHW: Tensor = self.residual(features_NCHW)
        if self.shortcut is None:
            return residual_NCHW
        shortcut_NCHW: Tensor = self.shortcut(features_NCHW)
        return residual_NCHW + shortcut_NCHW


def _shortcut(inputs: int, outputs: int) -> nn.Module:
    return nn.Identity() if inputs == outputs else conv_norm(inputs, outputs, 1)
