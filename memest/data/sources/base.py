"""Where datasets come from: the registry of sources and the one function that loads them.

A source is a function in `memest/data/sources/` that returns a `Split`. torchvision,
scikit-learn and Pillow are imported inside the sources that need them.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from memest.data.images import ImageSet, Split
from memest.data.sources.spelling import Sources
from memest.errors import DataError, SettingError

_log = logging.getLogger(__name__)
SETS = Sources("dataset", "memest.sources")


def data_root() -> Path:
    """The folder that holds downloaded datasets: `MEMEST_DATA`, else `data` in the working directory."""
    return Path(os.environ.get("MEMEST_DATA", "data"))


@contextmanager
def downloading(root: Path) -> Iterator[None]:
    """A block that may download into `root`; one that fails leaves no new empty folders behind."""
    before = {root, *root.rglob("*")} if root.exists() else set()
    try:
        yield
    except (OSError, RuntimeError):
        for path in sorted({root, *root.rglob("*")} - before, reverse=True):
            with suppress(OSError):
                path.rmdir()
        raise


@contextmanager
def reading(path: object) -> Iterator[None]:
    """A block that reads `path`: every error of its data says so."""
    try:
        yield
    except DataError as error:
        raise error if str(path) in str(error) else DataError(f"{path}: {error}") from error


def load_images(spec: str, limit: int = 0) -> Split:
    """The dataset that `spec` names, its training set cut to `limit` examples unless that is 0.

    Raises:
        InputError: an unknown dataset or keyword, files that cannot be had, arrays that do not fit.
    """
    split: Split = SETS.call(spec)
    _say_empty_classes(split.train, spec)
    return replace(split, train=stratified(split.train, limit)) if limit else split


def _say_empty_classes(images: ImageSet, spec: str) -> None:
    empty = np.setdiff1d(np.arange(len(images.classes)), images.occurring)
    if len(empty):
        names = ", ".join(images.classes[k] for k in empty[:5]) + (", …" if len(empty) > 5 else "")
        _log.warning(
            "%s has %d of %d classes without an image (%s): no noise is drawn into them; are labels numbered "
            "from 0?",
            *(spec, len(empty), len(images.classes), names),
        )


def stratified(images: ImageSet, limit: int) -> ImageSet:
    """`limit` examples that keep the class shares, the same ones on every machine, in the set's order.

    Within a class the examples are taken in an order drawn once for that class's size, not by the run's
    seed: two runs with different seeds see the same examples.

    Raises:
        SettingError: there are fewer examples than `limit`, or classes would be left without one.
    """
    if limit > len(images):
        raise SettingError(f"limit must be at most the {len(images)} training images, not {limit}")
    rank = np.empty(len(images))
    for label in np.unique(images.labels):
        members = np.flatnonzero(images.labels == label)
        rank[np.random.Generator(np.random.PCG64(0)).permutation(members)] = (
            np.arange(len(members)) + 0.5
        ) / len(members)
    chosen = images.take(np.sort(np.argsort(rank, kind="stable")[:limit]))
    if len(np.unique(chosen.labels)) < len(np.unique(images.labels)):
        raise SettingError(f"limit={limit} leaves some of {len(images.classes)} classes without an image")
    return chosen
