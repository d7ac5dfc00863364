"""Images as tensors on the device, handed out in batches that carry their ids.

Raw data becomes tensors once; normalisation and augmentation happen per batch, on the device.
Depends on torch. Axes: N examples of a set, B of a batch, C channels, H height, W width.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from memest.data.images import ImageSet
from memest.loading.augmentation import AUGMENTATIONS
from memest.seeding import Streams


@dataclass(frozen=True)
class Batch:
    """Some examples: normalised images (B, C, H, W) float32, labels (B,) and ids (B,) int64."""

    images: Tensor
    labels: Tensor
    ids: Tensor


class Loader:
    """An image set on a device: uint8 pixels, turned into normalised float batches as they are asked for.

    Args:
        images: the set; its order is the order of `batches`.
        statistics: channel means and deviations, (C,) each, of the training set.
        device: where the pixels live.
    """

    def __init__(
        self,
        images: ImageSet,
        statistics: tuple[NDArray[np.float32], NDArray[np.float32]],
        device: torch.device,
    ) -> None:
        planes = images.images.transpose(0, 3, 1, 2)
        pixels = torch.from_numpy(
            np.require(planes, requirements=["C", "W"])
        )  # torch warns of read-only ones
        self.ids = images.ids
        self.device = device
        self._natural_augmentation = images.augmentation
        self._pixels_NCHW = pixels.to(device)
        self._labels_N = torch.tensor(images.labels).to(device)
        self._ids_N = torch.tensor(images.ids).to(device)
        mean, deviation = (torch.from_numpy(s).to(device).view(1, -1, 1, 1) for s in statistics)
        self._scale, self._shift = 1 / (255 * deviation), mean / deviation

    def __len__(self) -> int:
        return len(self.ids)

    def batches(self, size: int) -> Iterator[Batch]:
        """Every example once, in the set's own order, not augmented; the last batch may be smaller."""
        for start in range(0, len(self), size):
            chosen = slice(start, start + size)
            yield Batch(
                self._normalise(self._pixels_NCHW[chosen]), self._labels_N[chosen], self._ids_N[chosen]
            )

    def training_batches(self, size: int, epoch: int, augmentation: str, streams: Streams) -> Iterator[Batch]:
        """Every example once, shuffled and augmented by the streams of this epoch alone.

        Args:
            augmentation: a spec; `auto` is the one that the set itself names.

        A last batch of one example joins the batch before it: batch norm cannot train on one.
        """
        spec = self._natural_augmentation if augmentation == "auto" else augmentation
        order = torch.randperm(len(self), generator=_generator(streams.seed("order", epoch))).to(self.device)
        noise = _generator(streams.seed("augmentation", epoch))
        for chosen in _spans(order, size):
            pixels = AUGMENTATIONS.call(spec, self._pixels_NCHW[chosen], noise)
            yield Batch(self._normalise(pixels), self._labels_N[chosen], self._ids_N[chosen])

    def _normalise(self, pixels_BCHW: Tensor) -> Tensor:
        return pixels_BCHW.float() * self._scale - self._shift


def _spans(order: Tensor, size: int) -> list[Tensor]:
    parts = list(torch.split(order, size))
    if len(parts) > 1 and len(parts[-1]) == 1:
        parts[-2:] = [torch.cat(parts[-2:])]
    return parts


def _generator(seed: int) -> torch.Generator:
    """A generator on the CPU, whatever the device: the same draws on every machine."""
    return torch.Generator().manual_seed(seed)
