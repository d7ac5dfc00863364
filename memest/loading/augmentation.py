"""Augmentations: pure functions on a batch of uint8 pixels, one gather each.

A batch is padded with zeros by indexing past its edge: every example's rows and columns are chosen at
once, so there is no loop over examples. Axes: B examples, C channels, H height, W width.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from memest.grammar.registry import Registry
from memest.grammar.values import Index

AUGMENTATIONS: Registry[Callable[..., Tensor]] = Registry("augmentation", "memest.augmentations")


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
