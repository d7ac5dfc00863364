"""The registry of models, how one is built from a seed, and the layers that families share.

    @MODELS.register
    def resnet18(channels: int, classes: int, size: int = 32, *, width: Count = 64) -> nn.Module: ...

    model = build_model("resnet18(width=32)", channels=3, classes=10, seed=7, size=224)

Axes: N examples, C channels, H height, W width, K classes.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable

import torch
from torch import nn

from memest.grammar.registry import Registry
from memest.grammar.spec import Spec

ModelBuilder = Callable[..., nn.Module]
"""`(channels, classes, *, keyword…) -> module` from images (N, C, H, W) to logits (N, K).

A third argument, if it takes one, is the height of the images.
"""

MODELS: Registry[ModelBuilder] = Registry("model", "memest.models")
LARGE = 128
"""Pixels from which images are halved twice before the first stage."""


def build_model(spec: str | Spec, channels: int, classes: int, seed: int, size: int = 32) -> nn.Module:
    """The model that `spec` names, on the CPU, its weights drawn from `seed` alone.

    The weights are those of the seed whatever device the caller then moves the model to, whatever was
    drawn before, and whatever device is torch's default. No global generator changes.

    Args:
        spec: a name in `MODELS` with its keywords, such as `resnet18(width=32)`.
        channels: C of the images.
        classes: K, the number of logits.
        seed: such as `streams.seed("weights")`.
        size: height of the images in pixels; networks that know a form for large images take it at 128.

    Raises:
        UnknownNameError: no such model, or no such keyword of that model.
        SettingError: a keyword of the wrong type or out of range.
    """
    with torch.random.fork_rng(devices=[]), torch.device("cpu"):
        # torch.manual_seed would also seed the generators of every GPU, which the fork does not restore.
        torch.default_generator.manual_seed(seed)
        known = MODELS.parse(spec)
        sized = list(inspect.signature(MODELS[known.name]).parameters)[2:3] == ["size"]
        model: nn.Module = MODELS.call(known, channels, classes, *([size] if sized else []))
    return model


def stem(channels: int, width: int, size: int) -> nn.Sequential:
    """What comes before the first stage: (N, channels, H, W) → (N, width, H, W), or (N, width, ⌈H/4⌉, ⌈W/4⌉).

    Small images go through a 3×3 convolution, as is usual for CIFAR; large ones through one of 7×7 and
    max-pooling, of stride 2 each, as in networks for ImageNet.
    """
    if size < LARGE:
        return conv_norm_relu(channels, width, 3)
    return nn.Sequential(*conv_norm_relu(channels, width, 7, stride=2), nn.MaxPool2d(3, 2, padding=1))


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
