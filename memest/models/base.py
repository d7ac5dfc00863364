"""The registry of models, how one is built from a seed, and the layers that families share.

    @MODELS.register
    def resnet18(channels: int, classes: int, *, width: Count = 64) -> nn.Module: ...

    model = build_model("resnet18(width=32)", channels=3, classes=10, seed=7)

Axes: N examples, C channels, H height, W width, K classes.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from memest.grammar.registry import Registry
from memest.grammar.spec import Spec

ModelBuilder = Callable[..., nn.Module]
"""`(channels, classes, *, keyword…) -> module` from images (N, C, H, W) to logits (N, K)."""

MODELS: Registry[ModelBuilder] = Registry("model", "memest.models")


def build_model(spec: str | Spec, channels: int, classes: int, seed: int) -> nn.Module:
    """The model that `spec` names, on the CPU, its weights drawn from `seed` alone.

    The weights are those of the seed whatever device the caller then moves the model to, whatever was
    drawn before, and whatever device is torch's default. No global generator changes.

    Args:
        spec: a name in `MODELS` with its keywords, such as `resnet18(width=32)`.
        channels: C of the images.
        classes: K, the number of logits.
        seed: such as `streams.seed("weights")`.

    Raises:
        UnknownNameError: no such model, or no such keyword of that model.
        SettingError: a keyword of the wrong type or out of range.
    """
    with torch.random.fork_rng(devices=[]), torch.device("cpu"):
        # torch.manual_seed would also seed the generators of every GPU, which the fork does not restore.
        torch.default_generator.manual_seed(seed)
        model: nn.Module = MODELS.call(spec, channels, classes)
    return model


def conv_norm(inputs: int, outputs: int, size: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """A square convolution and batch norm: (N, inputs, H, W) → (N, outputs, ⌈H/stride⌉, ⌈W/stride⌉).

    `size` is odd. The convolution has no bias, since batch norm would cancel it.
    """
    convolution = nn.Conv2d(inputs, outputs, size, stride, padding=size // 2, groups=groups, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs))


def conv_norm_relu(inputs: int, outputs: int, size: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """`conv_norm` followed by a rectifier."""
    return nn.Sequential(*conv_norm(inputs, outputs, size, stride, groups), nn.ReLU())


def average_head(features: int, classes: int) -> nn.Sequential:
    """Global average pooling and one linear layer: (N, features, H, W) → (N, classes)."""
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(features, classes))
