"""Datasets in shards: which of the files at a path hold training images, which test images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from memest.data.sources.parts import TEST, TRAIN, VALIDATION, words_of
from memest.data.sources.walk import files_below
from memest.errors import DataError, looked_in


def shards_at(path: str, fits: Callable[[str], bool], kind: str) -> tuple[Path, list[str], list[str]]:
    """The folder, and the shards of training and of test images in it, sorted.

    A shard belongs to the test set where its path below the folder has a word such as `test` or `validation`,
    provided that others are called `train`; test is preferred to validation, of which nothing is read then.

    Args:
        path: a shard, or a folder that holds some, also in folders of its own.
        fits: whether a file of that name is a shard.
        kind: what a shard is, for the error.

    Raises:
        DataError: nothing is there, or no shard.
    """
    place = Path(path)
    if place.is_file():
        return place.parent, [place.name], []
    if not place.is_dir():
        raise DataError(f"there is nothing at {place} {looked_in(place)}; expected {kind}")
    found = sorted(files_below(place))
    shards = [name for name in found if fits(name.rpartition("/")[2])]
    if not shards:
        raise DataError(f"{place} holds no {kind} (it has {', '.join(found[:5]) or 'no files'})")
    words = {name: words_of(name) for name in shards}
    train = [name for name in shards if words[name] & {*TRAIN}]
    rest = [name for name in shards if not words[name] & {*TRAIN}]
    if not train:
        return place, rest, []
    test = [name for name in rest if words[name] & {*TEST}]
    return place, train, test or [name for name in rest if words[name] & {*VALIDATION}]
