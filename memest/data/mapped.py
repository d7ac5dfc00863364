"""Images that stay on disk: some rows of one memory-mapped array, read where they are indexed.

Axes: M images of the array, N of them chosen, H height, W width, C channels.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

_DIGEST = 16


@dataclass(frozen=True, eq=False)
class MappedImages:
    """Rows of a mapped array in any order; choosing among them reads nothing.

    Attributes:
        array: (M, H, W, C) uint8, mapped.
        places: (N,) the rows that these images are.
        digests: (M, 16) uint8, a hash of each row's pixels.
        moments: (M, 2, C) uint64, the sum of each row's pixels and of their squares.
    """

    array: NDArray[np.uint8]
    places: NDArray[np.int64]
    digests: NDArray[np.uint8]
    moments: NDArray[np.uint64]

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: Any) -> NDArray[np.uint8]:
        """The pixels of the images at `index`, an index of the first axis, read into memory."""
        return np.asarray(self.array[self.places[index]])

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self.array[self.places], dtype)

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, H, W, C)."""
        return (len(self.places), *self.array.shape[1:])

    @property
    def ndim(self) -> int:
        """Four."""
        return self.array.ndim

    @property
    def dtype(self) -> np.dtype[np.uint8]:
        """uint8."""
        return self.array.dtype

    @property
    def nbytes(self) -> int:
        """The bytes of all N images, were they read."""
        return len(self.places) * int(np.prod(self.array.shape[1:]))

    def take(self, positions: NDArray[np.int64]) -> MappedImages:
        """The images at `positions`, (n,), in that order, still on disk."""
        return replace(self, places=self.places[positions])

    def content(self) -> NDArray[np.uint8]:
        """What a fingerprint hashes in place of the pixels: the hash of each image, (N, 16)."""
        return self.digests[self.places]

    def channel_moments(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean of the pixels and of their squares by channel, (C,) each, of values scaled to [0, 1]."""
        sums, squares = self.moments[self.places].sum(axis=0).astype(np.float64)
        count = self.nbytes / self.array.shape[3]
        return sums / (255 * count), squares / (255**2 * count)


Images = NDArray[np.uint8] | MappedImages


def chosen(images: Images, positions: NDArray[np.int64]) -> Images:
    """The images at `positions`: a copy of those in memory, other rows of those on disk."""
    return images.take(positions) if isinstance(images, MappedImages) else images[positions]


def facts_of(pixels_NHWC: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint64]]:
    """Digest and moments of each image, (N, 16) and (N, 2, C): what is kept beside a mapped array."""
    digests = [hashlib.blake2b(image.tobytes(), digest_size=_DIGEST).digest() for image in pixels_NHWC]
    moments = np.array([_moments(image) for image in pixels_NHWC], np.uint64)
    return np.frombuffer(b"".join(digests), np.uint8).reshape(-1, _DIGEST), moments


def _moments(pixels_HWC: NDArray[np.uint8]) -> list[NDArray[np.uint64]]:
    """Sum of the pixels and of their squares, (C,) each; sums over contiguous planes are the fastest."""
    planes = np.ascontiguousarray(pixels_HWC.reshape(-1, pixels_HWC.shape[2]).T).astype(np.uint32)
    return [planes.sum(1, np.uint64), np.square(planes).sum(1, np.uint64)]
