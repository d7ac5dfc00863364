"""Augmentations: pure functions on a batch of uint8 pixels, a few gathers each.

A batch is padded with zeros by indexing past its edge: every example's rows and columns are chosen at
once, so there is no loop over examples. Axes: T tries, B examples, C channels, H height, W width.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from memest.grammar.registry import Registry
from memest.grammar.values import Index, PositiveShare

AUGMENTATIONS: Registry[Callable[..., Tensor]] = Registry("augmentation", "memest.augmentations")
_TRIES, _RATIO = 10, 4 / 3


@AUGMENTATIONS.register
def none(pixels_BCHW: Tensor, generator: torch.Generator) -> Tensor:
    """The pixels as they are."""
    return pixels_BCHW


@AUGMENTATIONS.register
def crop(
    pixels_BCHW: Tensor, generator: torch.Generator, *, padding: Index = 4, flip: bool = False
) -> Tensor:
    """A random crop after zero padding on every side and, if asked, a random horizontal flip.

    Args:
        pixels_BCHW: uint8 or float.
        generator: a CPU generator; draws do not depend on the device.
        padding: pixels added on each side, and so the largest shift.
        flip: mirror each image with probability one half.
    """
    batch, _, height, width = pixels_BCHW.shape
    shifts = torch.randint(-padding, padding + 1, (2, batch, 1), generator=generator)
    mirrored = torch.randint(0, 2, (batch, 1), generator=generator).bool()
    rows_BH = torch.arange(height) + shifts[0]
    columns_BW = torch.arange(width) + shifts[1]
    if flip:
        columns_BW = torch.where(mirrored, width - 1 - columns_BW, columns_BW)
    return _gather(pixels_BCHW, rows_BH.to(pixels_BCHW.device), columns_BW.to(pixels_BCHW.device))


@AUGMENTATIONS.register
def crop_flip(pixels_BCHW: Tensor, generator: torch.Generator, *, padding: Index = 4) -> Tensor:
    """The paper's augmentation: a random crop with zero padding, and a random horizontal flip."""
    return crop(pixels_BCHW, generator, padding=padding, flip=True)


@AUGMENTATIONS.register
def random_resized_crop(
    pixels_BCHW: Tensor, generator: torch.Generator, *, least: PositiveShare = 0.08, flip: bool = True
) -> Tensor:
    """ImageNet's augmentation: a random part of each image, stretched to its full size by bilinear weights.

    Its area is a share of the image's, uniform between `least` and 1, its aspect ratio between 3/4 and 4/3,
    uniform in the logarithm; of ten such draws the first that fits is taken, else the largest centred part of
    an allowed ratio. The result is float, in 0 … 255, and not rounded.

    Source: Szegedy et al., "Going deeper with convolutions", CVPR 2015, with the draws of torchvision.

    Args:
        pixels_BCHW: uint8 or float.
        generator: a CPU generator; draws do not depend on the device.
        least: smallest share of the area.
        flip: mirror each image with probability one half.
    """
    batch, _, height, width = pixels_BCHW.shape
    boxes_B4 = random_boxes(generator, batch, height, width, least)
    mirrored_B = torch.randint(0, 2, (batch,), generator=generator).bool() & flip
    return resized_crop(pixels_BCHW, boxes_B4.to(pixels_BCHW.device), mirrored_B.to(pixels_BCHW.device))


def random_boxes(generator: torch.Generator, batch: int, height: int, width: int, least: float) -> Tensor:
    """Top, left, height and width of a random part of each image, (B, 4) int64: see `random_resized_crop`."""
    area_TB = height * width * (least + (1 - least) * _uniform(generator, _TRIES, batch))
    ratio_TB = torch.exp(math.log(_RATIO) * (2 * _uniform(generator, _TRIES, batch) - 1))
    place_2B = _uniform(generator, 2, batch)
    sides_2TB = torch.stack([(area_TB / ratio_TB).sqrt().round(), (area_TB * ratio_TB).sqrt().round()])
    limits_2 = torch.tensor([height, width])
    fits_TB = ((sides_2TB >= 1) & (sides_2TB <= limits_2[:, None, None])).all(0)
    first_B = fits_TB.int().argmax(0)
    chosen_2B = sides_2TB.gather(1, first_B.expand(2, 1, batch))[:, 0].long()
    centred_2 = _centred(height, width)
    found_B = fits_TB.any(0)
    sides_2B = torch.where(found_B, chosen_2B, centred_2[:, None])
    free_2B = limits_2[:, None] - sides_2B
    corner_2B = torch.where(found_B, (place_2B * (free_2B + 1)).long(), free_2B // 2)
    return torch.cat([corner_2B, sides_2B]).T


def resized_crop(pixels_BCHW: Tensor, boxes_B4: Tensor, mirrored_B: Tensor) -> Tensor:
    """The part of each image in its box, stretched to its size; mirrored where told. Float.

    Bilinear as `torch.nn.functional.interpolate` of that part alone: nothing beyond a box counts. A part
    is never larger than the result, so no pixel is skipped.
    """
    height, width = pixels_BCHW.shape[2:]
    top_B, left_B, rows_B, columns_B = boxes_B4.unbind(1)
    stretched = _weighted(pixels_BCHW, *_taps(top_B, rows_B, height), dim=2)
    across = torch.arange(width, device=mirrored_B.device)
    order_BW = torch.where(mirrored_B[:, None], width - 1 - across, across)
    near_BW, far_BW, share_BW = (taps.gather(1, order_BW) for taps in _taps(left_B, columns_B, width))
    return _weighted(stretched, near_BW, far_BW, share_BW, dim=3)


def _taps(start_B: Tensor, length_B: Tensor, size: int) -> tuple[Tensor, Tensor, Tensor]:
    """Of `size` places spread over each stretch: the pixels before and after, and the share of the latter."""
    places = torch.arange(size, device=start_B.device, dtype=torch.float32) + 0.5
    at = (places * (length_B[:, None] / size) - 0.5).clamp(min=0)
    near = at.floor().long().minimum(length_B[:, None] - 1)
    far = (near + 1).minimum(length_B[:, None] - 1)
    return near + start_B[:, None], far + start_B[:, None], at - near


def _weighted(pixels_BCHW: Tensor, near: Tensor, far: Tensor, share: Tensor, dim: int) -> Tensor:
    """Rows (`dim` 2) or columns (3) of each image, mixed of two: (1 − share) near + share · far."""
    shape = [len(near), 1, 1, 1]
    shape[dim] = near.shape[1]
    whole = list(pixels_BCHW.shape)
    whole[dim] = near.shape[1]
    first, second = (pixels_BCHW.gather(dim, i.view(shape).expand(whole)).float() for i in (near, far))
    return torch.lerp(first, second, share.view(shape))


def _uniform(generator: torch.Generator, *shape: int) -> Tensor:
    return torch.rand(*shape, generator=generator, dtype=torch.float64)


def _centred(height: int, width: int) -> Tensor:
    """Height and width of the largest part whose ratio is allowed."""
    most_wide, most_high = round(height * _RATIO), round(width * _RATIO)
    return torch.tensor([min(height, most_high), min(width, most_wide)])


def _gather(pixels_BCHW: Tensor, rows_BH: Tensor, columns_BW: Tensor) -> Tensor:
    """Pixel (row, column) of each example, zero where it lies outside."""
    batch, channels, height, width = pixels_BCHW.shape
    inside_BHW = _inside(rows_BH, height)[:, :, None] & _inside(columns_BW, width)[:, None, :]
    flat_BHW = rows_BH.clamp(0, height - 1)[:, :, None] * width + columns_BW.clamp(0, width - 1)[:, None, :]
    index = flat_BHW.view(batch, 1, -1).expand(-1, channels, -1)
    moved = pixels_BCHW.flatten(2).gather(2, index).view_as(pixels_BCHW)
    return moved * inside_BHW[:, None]


def _inside(positions: Tensor, size: int) -> Tensor:
    return (positions >= 0) & (positions < size)
