"""CIFAR-100 as one .npz that `npz(path=…)` reads, from an archive of lossless WebP mosaics.

    python -m analysis.cifar100 FOLDER --into cifar100.npz
    memest experiment mislabeled --scale medium --set 'data=npz(path=cifar100.npz)'

FOLDER holds `cifar100_train.npz` and `cifar100_test.npz`: `webp` (bytes of mosaics of 4 × 4 images of
32 × 32), `offsets` (mosaic k is bytes offsets[k]:offsets[k+1]), `fine` labels; the test file has `classes`.
Whoever has the original files needs none of this: `--data cifar100` reads them.
"""

from __future__ import annotations

import io
import itertools
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from memest.arrays import read_arrays
from memest.errors import DataError, MemestError
from memest.grammar.once import OnceParser

SIDE, TILES = 32, 4
"""Pixels to a side of an image, and images to a side of a mosaic."""
_HELP = "expected arrays webp, offsets and fine"


def main() -> None:
    """Decode both files and write one."""
    parser = OnceParser(__doc__)
    parser.add_argument("folder", type=Path, help="of cifar100_train.npz and cifar100_test.npz")
    parser.add_argument("--into", type=Path, default=Path("cifar100.npz"), help="the file to write")
    wanted = parser.parse_args()
    try:
        count = convert(wanted.folder, wanted.into)
    except MemestError as error:
        parser.exit(2, f"{parser.prog}: {error}\n")
    print(f"{wanted.into}: {count[0]:,} training and {count[1]:,} test images")


def convert(folder: Path, into: Path) -> tuple[int, int]:
    """Write the images and fine labels of both files to one; how many of each there are.

    Raises:
        DataError: a file is missing, or not as described above.
    """
    images, labels, _ = unpacked(folder / "cifar100_train.npz")
    test_images, test_labels, classes = unpacked(folder / "cifar100_test.npz")
    np.savez(
        into, images=images, labels=labels, test_images=test_images, test_labels=test_labels, classes=classes
    )
    return len(labels), len(test_labels)


def unpacked(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.str_]]:
    """Images (N, 32, 32, 3), fine labels (N,) and the names of the classes, where the file has them.

    Raises:
        DataError: there is no such file, or it is not as described above.
    """
    arrays = read_arrays(path, _HELP)
    if missing := {"webp", "offsets", "fine"} - set(arrays):
        raise DataError(f"{path} has no {', '.join(sorted(missing))}; {_HELP}")
    content, offsets, labels = np.asarray(arrays["webp"]).tobytes(), arrays["offsets"], arrays["fine"]
    mosaics = [tiles(content[start:end]) for start, end in itertools.pairwise(offsets)]
    images = np.concatenate(mosaics)[: len(labels)]
    if len(images) != len(labels):
        raise DataError(f"{path} has {len(images)} images and {len(labels)} labels")
    return images, labels.astype(np.int64), np.asarray(arrays.get("classes", []), np.str_)


def tiles(content: bytes) -> NDArray[np.uint8]:
    """The images of one mosaic, row by row, (16, 32, 32, 3)."""
    pixels = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
    if pixels.shape != (TILES * SIDE, TILES * SIDE, 3):
        raise DataError(f"a mosaic must have shape {(TILES * SIDE, TILES * SIDE, 3)}, not {pixels.shape}")
    apart = pixels.reshape(TILES, SIDE, TILES, SIDE, 3).transpose(0, 2, 1, 3, 4)
    return np.ascontiguousarray(apart.reshape(-1, SIDE, SIDE, 3))


if __name__ == "__main__":
    main()
