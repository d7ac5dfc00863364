"""Random resized crops: torchvision's draws and pixels, on whole batches, by the seed alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torchvision.transforms import RandomResizedCrop
from torchvision.transforms.functional import hflip, resized_crop

from memest.data import load_images
from memest.loading import AUGMENTATIONS, Loader
from memest.loading import augmentation as ours
from memest.seeding import Streams


def generator(seed: int = 0) -> torch.Generator:
    """A generator on the CPU."""
    return torch.Generator().manual_seed(seed)


def images(count: int = 12, height: int = 20, width: int = 24) -> torch.Tensor:
    """Noise, uint8 (count, 3, height, width)."""
    return torch.randint(0, 256, (count, 3, height, width), generator=generator(1), dtype=torch.uint8)


def test_pixels_are_those_of_torchvision() -> None:
    """Each image cut, stretched and mirrored alone by torchvision gives what the batch gives."""
    pixels = images()
    boxes = ours.random_boxes(generator(), 12, 20, 24, 0.08)
    mirrored = torch.arange(12) % 2 == 0
    found = ours.resized_crop(pixels, boxes, mirrored)
    for image, box, flip, came in zip(pixels, boxes.tolist(), mirrored.tolist(), found, strict=True):
        expected = resized_crop(image.float(), *box, size=[20, 24], antialias=False)
        torch.testing.assert_close(came, hflip(expected) if flip else expected, rtol=0, atol=1e-3)


@pytest.mark.parametrize(("height", "width"), [(32, 32), (20, 60)])
def test_boxes_are_distributed_as_those_of_torchvision(height: int, width: int) -> None:
    """Mean and spread of corner, height and width over many draws, of images with and without a fallback."""
    count = 4000
    boxes = ours.random_boxes(generator(), count, height, width, 0.08).double().numpy()
    with torch.random.fork_rng():
        torch.manual_seed(2)
        blank = torch.zeros(1, height, width)
        theirs = np.array(
            [RandomResizedCrop.get_params(blank, [0.08, 1.0], [3 / 4, 4 / 3]) for _ in range(count)], float
        )
    error = np.sqrt(2 / count) * theirs.std(0)
    assert (np.abs(boxes.mean(0) - theirs.mean(0)) < 4 * error).all()
    np.testing.assert_allclose(boxes.std(0), theirs.std(0), rtol=0.08)


def test_every_box_lies_in_the_image() -> None:
    """Also where no draw fits, and a centred part is taken."""
    for height, width in ((8, 8), (8, 100), (100, 8)):
        top, left, rows, columns = ours.random_boxes(generator(), 500, height, width, 0.9).T
        assert (torch.stack([top, left]) >= 0).all()
        assert (torch.stack([rows, columns]) >= 1).all()
        assert (top + rows <= height).all()
        assert (left + columns <= width).all()


def test_the_whole_image_stays_as_it_is() -> None:
    """A box of everything changes no pixel."""
    pixels = images()
    boxes = torch.tensor([[0, 0, 20, 24]]).expand(12, 4)
    torch.testing.assert_close(
        ours.resized_crop(pixels, boxes, torch.zeros(12, dtype=torch.bool)), pixels.float()
    )


def test_crops_of_an_epoch_depend_on_its_seed_alone() -> None:
    """The same epoch again gives the same pixels, another epoch others; no global generator is asked."""
    train = load_images("digits", 60).train
    loader = Loader(train, train.statistics(), torch.device("cpu"))
    before = torch.get_rng_state()
    one, again, other = (
        torch.cat([b.images for b in loader.training_batches(16, epoch, "random_resized_crop", Streams(3))])
        for epoch in (1, 1, 2)
    )
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert torch.equal(before, torch.get_rng_state())


def test_mirroring_can_be_left_out() -> None:
    """`flip=false`; and then a part is never mirrored."""
    ramp = torch.arange(24, dtype=torch.uint8).expand(50, 1, 20, 24)
    found = AUGMENTATIONS.call("random_resized_crop(flip=false)", ramp, generator())
    assert (found.diff(dim=3) >= 0).all()
    mirrored = AUGMENTATIONS.call("random_resized_crop", ramp, generator())
    assert (mirrored.diff(dim=3) < 0).any()
