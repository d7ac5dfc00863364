"""Image classifiers by name, one file per family: `resnet18(width=32)`.

Each takes images (N, C, H, W) of any number of channels, 8 pixels or more to a side, and gives logits
(N, K) for K classes. From 128 pixels on the networks begin as those for ImageNet do; VGG and airbench halve
their input several times anyway. None has dropout, so in eval mode a model is a fixed function of each
image alone.
"""

from __future__ import annotations

# Not used by name here: importing a family is what registers its models.
from memest.models import airbench, inception, mobilenet, resnet, tiny, vgg  # noqa: F401
from memest.models.base import MODELS, ModelBuilder, build_model

__all__ = ["MODELS", "ModelBuilder", "build_model"]
