"""Images in parts that are small enough to be carried one by one, and the file that they are joined into.

    python -m benchmarks.accelerator.parts 'npz(path=cifar100.npz)' --into parts      at home
    python -m benchmarks.accelerator.cifar100 --parts parts …                         there: joins them itself

A part is an .npz with a stretch of `images` and `labels`; the last one has the test set and the classes too.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memest.data import Split, load_images
from memest.errors import DataError, MemestError
from memest.grammar.once import OnceParser

MOST = 60_000_000
"""Bytes of a part."""
_MARGIN = 4_000_000
_NAME = "part-{:03d}.npz"


def main() -> None:
    """Cut a dataset into parts."""
    parser = OnceParser(__doc__)
    parser.add_argument("data", help="dataset spec, such as npz(path=cifar100.npz)")
    parser.add_argument("--into", type=Path, required=True, help="folder of the parts")
    parser.add_argument("--limit", type=int, default=0, help="this many images alone, class shares kept")
    wanted = parser.parse_args()
    try:
        sizes = cut(load_images(wanted.data, wanted.limit), wanted.into)
    except MemestError as error:
        parser.exit(2, f"{parser.prog}: {error}\n")
    print(f"{len(sizes)} parts in {wanted.into}, the largest of {max(sizes) / 1e6:.1f} MB")


def cut(split: Split, into: Path, most: int = MOST) -> list[int]:
    """Write the parts of a dataset; their sizes in bytes.

    Args:
        split: training set and, if there is one, test set.
        into: folder, which is made.
        most: bytes of a part.
    """
    into.mkdir(parents=True, exist_ok=True)
    sizes = []
    for number, arrays in enumerate(_parts(split, most - _MARGIN)):
        path = into / _NAME.format(number)
        np.savez(path, allow_pickle=False, **arrays)
        sizes.append(path.stat().st_size)
    return sizes


def join(parts: Path, into: Path) -> Path:
    """One .npz that `npz(path=…)` reads, from all parts; nothing is done where it is there already.

    Raises:
        DataError: there are no parts, or one of them is missing.
    """
    if into.is_file():
        return into
    paths = sorted(parts.glob(_NAME.replace("{:03d}", "*")))
    if [path.name for path in paths] != [_NAME.format(number) for number in range(len(paths))] or not paths:
        raise DataError(
            f"{parts} has {len(paths)} parts; expected {_NAME.format(0)} and those that follow it"
        )
    read = [dict(np.load(path)) for path in paths]
    names = {name: [part[name] for part in read if name in part] for part in read for name in part}
    if "classes" not in names:
        raise DataError(f"{parts} lacks its last part, which holds the classes")
    into.parent.mkdir(parents=True, exist_ok=True)
    unfinished = into.with_suffix(".unfinished.npz")
    whole = {name: np.concatenate(pieces) for name, pieces in names.items()}
    np.savez(unfinished, allow_pickle=False, **whole)
    return unfinished.replace(into)


def _parts(split: Split, most: int) -> Iterator[dict[str, NDArray[Any]]]:
    images = np.asarray(split.train.images)
    rows = max(1, most // images[0].nbytes)
    for start in range(0, len(images), rows):
        chosen = slice(start, start + rows)
        yield {"images": images[chosen], "labels": split.train.labels[chosen], "ids": split.train.ids[chosen]}
    last: dict[str, NDArray[Any]] = {"classes": np.array(split.train.classes)}
    if split.test is not None:
        last |= {"test_images": np.asarray(split.test.images), "test_labels": split.test.labels}
    yield last


if __name__ == "__main__":
    main()
