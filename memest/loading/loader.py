"""Images as tensors on the device, handed out in batches that carry their ids.

Raw data becomes tensors once; normalisation and augmentation happen per batch, on the device.
Axes: N examples of a set, B of a batch, C channels, H height, W width.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from memest.data.images import ImageSet
from memest.data.mapped import Images, MappedImages
from memest.loading.augmentation import AUGMENTATIONS
from memest.seeding import Streams

_SHARE_OF_GPU = 0.5
"""Of a GPU's free memory, for the pixels of one image set."""


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
        self.ids = images.ids
        self.device = device
        self._natural_augmentation = images.augmentation
        self._pixels = _pixels(images.images, device)
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
            yield Batch(self._normalise(self._pixels(chosen)), self._labels_N[chosen], self._ids_N[chosen])

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
            pixels = AUGMENTATIONS.call(spec, self._pixels(chosen), noise)
            yield Batch(self._normalise(pixels), self._labels_N[chosen], self._ids_N[chosen])

    def _normalise(self, pixels_BCHW: Tensor) -> Tensor:
        return pixels_BCHW.float() * self._scale - self._shift


def _pixels(images: Images, device: torch.device) -> Callable[[Tensor | slice], Tensor]:
    """Hands out the pixels of chosen examples on the device, uint8 (B, C, H, W).

    All are copied there once; but of images on disk only those asked for, unless a GPU has room for all.
    """
    if isinstance(images, MappedImages) and not _fits(images.nbytes, device):
        return lambda chosen: _tensor(images[_index(chosen)]).to(device)
    pixels_NCHW = _tensor(np.asarray(images)).to(device)
    return lambda chosen: pixels_NCHW[chosen]


def _fits(size: int, device: torch.device) -> bool:
    return device.type == "cuda" and size <= _SHARE_OF_GPU * torch.cuda.mem_get_info(device)[0]


def _index(chosen: Tensor | slice) -> Any:
    return chosen if isinstance(chosen, slice) else chosen.cpu().numpy()


def _tensor(pixels_NHWC: NDArray[np.uint8]) -> Tensor:
    """Channels first; torch warns of arrays that are read-only, so these are copied."""
    return torch.from_numpy(np.require(pixels_NHWC.transpose(0, 3, 1, 2), requirements=["C", "W"]))


def smallest_batch(count: int, size: int) -> int:
    """Examples in the smallest training batch of an epoch of `count` examples, in batches of `size`."""
    return min(len(span) for span in _spans(torch.arange(count), size))


def _spans(order: Tensor, size: int) -> list[Tensor]:
    parts = list(torch.split(order, size))
    if len(parts) > 1 and len(parts[-1]) == 1:
        parts[-2:] = [torch.cat(parts[-2:])]
    return parts


def _generator(seed: int) -> torch.Generator:
    """A generator on the CPU, whatever the device: the same draws on every machine."""
    return torch.Generator().manual_seed(seed)
