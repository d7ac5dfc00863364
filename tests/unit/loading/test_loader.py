"""Batches: every example once, with its id, normalised."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from small_sets import draw

from memest.data import ImageSet
from memest.loading import Loader
from memest.seeding import Streams


def loader(images: ImageSet) -> Loader:
    """The set on the CPU, normalised by its own statistics."""
    return Loader(images, images.statistics(), torch.device("cpu"))


@pytest.mark.parametrize("channels", [1, 3])
def test_batches_hold_every_example_once_normalised(channels: int) -> None:
    """Whatever the size, batches give the set in its order, each channel with mean 0 and deviation 1."""
    images = draw(channels=channels)
    mean, deviation = images.statistics()
    expected = ((images.images / 255 - mean) / deviation).transpose(0, 3, 1, 2)
    for size in (1, 7, 40, 100):
        batches = list(loader(images).batches(size))
        assert torch.cat([b.ids for b in batches]).tolist() == images.ids.tolist()
        assert torch.cat([b.labels for b in batches]).tolist() == images.labels.tolist()
        pixels = torch.cat([b.images for b in batches]).numpy()
        assert pixels.dtype == np.float32
        np.testing.assert_allclose(pixels, expected, atol=1e-5)
        np.testing.assert_allclose(pixels.mean((0, 2, 3)), 0, atol=1e-5)
        np.testing.assert_allclose(pixels.std((0, 2, 3)), 1, atol=1e-5)


@pytest.mark.filterwarnings("error")
def test_read_only_pixels_are_loaded_without_a_word() -> None:
    """Arrays that a file was read into cannot be written; PyTorch's warning of that reaches nobody."""
    images = draw()
    images.images.flags.writeable = False
    assert len(list(loader(images).batches(16))) == 3


@pytest.mark.parametrize(
    ("count", "size", "sizes"),
    [(40, 16, [16, 16, 8]), (41, 20, [20, 21]), (41, 40, [41]), (40, 100, [40]), (1, 8, [1]), (3, 1, [1, 2])],
)
def test_training_batches_hold_every_example_once(count: int, size: int, sizes: list[int]) -> None:
    """Shuffled, with labels and pixels of their ids; a last batch of one joins the batch before it."""
    images = draw(count)
    batches = list(loader(images).training_batches(size, 1, "none", Streams(0)))
    assert [len(b.ids) for b in batches] == sizes
    ids = torch.cat([b.ids for b in batches])
    assert sorted(ids.tolist()) == sorted(images.ids)
    assert count < 10 or ids.tolist() != images.ids.tolist()
    whole = next(loader(images).batches(count))
    positions = [images.ids.tolist().index(i) for i in ids.tolist()]
    assert torch.equal(torch.cat([b.images for b in batches]), whole.images[positions])
    assert torch.equal(torch.cat([b.labels for b in batches]), whole.labels[positions])


def test_order_and_augmentation_follow_seed_and_epoch_alone() -> None:
    """Not what was drawn before, not the corruption's seed; another epoch or seed gives another order."""

    def epoch(number: int, streams: Streams, size: int = 16) -> tuple[list[int], torch.Tensor]:
        batches = list(loader(draw()).training_batches(size, number, "crop(padding=2)", streams))
        return torch.cat([b.ids for b in batches]).tolist(), torch.cat([b.images for b in batches])

    ids, pixels = epoch(3, Streams(0))
    torch.rand(5)
    state = torch.get_rng_state()
    ids_again, pixels_again = epoch(3, Streams(0, corruption=9))
    assert ids_again == ids
    assert torch.equal(pixels_again, pixels)
    assert torch.equal(torch.get_rng_state(), state)
    assert epoch(3, Streams(0), size=7)[0] == ids
    assert epoch(4, Streams(0))[0] != ids
    assert epoch(3, Streams(1))[0] != ids


def test_auto_is_the_augmentation_that_the_set_names() -> None:
    """A set knows which changes leave its labels true; `auto` asks it."""
    images = replace(draw(), augmentation="crop(padding=2)")
    named, auto, without = (
        torch.cat([b.images for b in loader(images).training_batches(16, 1, spec, Streams(0))])
        for spec in ("crop(padding=2)", "auto", "none")
    )
    assert torch.equal(named, auto)
    assert not torch.equal(named, without)
