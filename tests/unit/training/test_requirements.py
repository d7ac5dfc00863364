"""Batches that are too small are refused before training: for every network that cannot train on them."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from memest.errors import SettingError
from memest.loading import smallest_batch
from memest.loading.loader import _spans
from memest.models import MODELS, build_model
from memest.training import require_trainable

NARROW = {"resnet18": "resnet18(width=4)", "vgg16": "vgg16(width=4)", "mobilenetv2": "mobilenetv2(width=8)"}


def trains_on_one(network: nn.Module, size: int) -> bool:
    """Whether a training step on one image goes through."""
    try:
        network.train()(torch.rand(1, 1, size, size)).sum().backward()
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("size", [8, 32])
def test_a_batch_of_one_is_refused_where_a_step_on_it_fails(name: str, size: int) -> None:
    """And only there: batches of two always do, and networks that keep several positions train on one."""

    def network() -> nn.Module:
        return build_model(NARROW.get(name, name), 1, 3, 0)

    require_trainable(network, (1, size, size), [10], 2)
    if trains_on_one(network(), size):
        require_trainable(network, (1, size, size), [10], 1)
    else:
        with pytest.raises(SettingError, match="batch-size of 2 or more"):
            require_trainable(network, (1, size, size), [10], 1)


def test_some_networks_can_and_some_cannot() -> None:
    """Both sides of the test above occur."""
    assert not trains_on_one(build_model("resnet18(width=4)", 1, 3, 0), 8)
    assert trains_on_one(build_model("tiny", 1, 3, 0), 8)


def test_a_single_image_is_a_batch_of_one() -> None:
    """Whatever the batch size."""
    with pytest.raises(SettingError, match="1 images in batches of 128 leave a batch of one"):
        require_trainable(lambda: build_model("resnet18(width=4)", 1, 3, 0), (1, 8, 8), [10, 1], 128)


@pytest.mark.parametrize("count", [1, 2, 3, 32, 33, 34, 64, 65])
@pytest.mark.parametrize("size", [1, 2, 32])
def test_the_smallest_batch_is_the_loaders(count: int, size: int) -> None:
    """A last one of one example joins the batch before it."""
    assert smallest_batch(count, size) == min(map(len, _spans(torch.arange(count), size)))
