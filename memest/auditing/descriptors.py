"""What an image looks like from afar: its low frequencies, those of a perceptual hash, not cut to bits.

The cosine of two descriptors does not change with brightness and contrast, and little with compression.
Axes: N images, H, W, C, D numbers.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from memest.data.mapped import Images

Floats32 = NDArray[np.float32]
Describe = Callable[[NDArray[np.uint8]], Floats32]
"""(n, H, W, C) uint8 → (n, D), for example the features of a network."""
_GREY, _COLOUR = 12, 4
"""Frequencies in each direction, of brightness and of colour: eyes and JPEG see colour more coarsely."""
_BLOCK = 1024


def low_frequencies(images: NDArray[np.uint8]) -> Floats32:
    """The lowest frequencies of brightness, times their frequency, and of colour, (n, D).

    Images of nature hold less the higher the frequency is: the factor makes all count alike, so that chance
    makes two images less similar. The mean brightness is left out.
    """
    pixels = images.astype(np.float32)
    grey = pixels.mean(axis=3, keepdims=True)
    parts = [_cosines(grey, _GREY)]
    parts[0][:, 0] = 0
    if images.shape[3] == 3:
        parts.append(_cosines(pixels[..., [0, 2]] - grey, _COLOUR))
    return np.concatenate(parts, axis=1)


def _cosines(pixels_nHWC: Floats32, count: int) -> Floats32:
    """The discrete cosine transform, its first `count` frequencies in each direction, weighted, (n, D)."""
    down, across = (_basis(side, min(count, side)) for side in pixels_nHWC.shape[1:3])
    found = np.einsum("kh,nhwc,lw->nklc", down, pixels_nHWC, across, optimize=True)
    frequency = np.hypot(*np.meshgrid(np.arange(len(down)), np.arange(len(across)), indexing="ij"))
    weighted = found * np.maximum(frequency, 1)[None, :, :, None]
    return np.asarray(weighted.reshape(len(pixels_nHWC), -1), np.float32)


def _basis(side: int, count: int) -> Floats32:
    waves = np.cos(np.pi * (np.arange(side) + 0.5) * np.arange(count)[:, None] / side)
    return np.asarray(waves / np.linalg.norm(waves, axis=1, keepdims=True), np.float32)


def descriptors_of(images: Images, describe: Describe, mirrored: bool = False) -> Floats32:
    """The descriptors of many images, each of length 1 (or 0: nothing to see), (N, D).

    Args:
        images: in memory or on disk; read in blocks.
        describe: of a block.
        mirrored: of the images with left and right exchanged.
    """
    blocks = []
    for start in range(0, len(images), _BLOCK):
        block = np.asarray(images[start : start + _BLOCK])
        found = describe(np.ascontiguousarray(block[:, :, ::-1]) if mirrored else block)
        length = np.linalg.norm(found, axis=1, keepdims=True)
        blocks.append((found / np.where(length > 1e-3, length, np.inf)).astype(np.float32))
    return np.concatenate(blocks)
