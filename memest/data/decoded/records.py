"""Where encoded images lie: in files of their own, or in stretches of larger files.

A collection of records is cut into parts that are sent to other processes, each of which reads its own.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from memest.data.decoded.pictures import UnreadableError
from memest.data.images import Integers, Names
from memest.errors import DataError

Read = bytes | UnreadableError
"""The bytes of a record, or why there are none."""


class Records(Protocol):
    """N encoded images in a fixed order."""

    @property
    def names(self) -> Names:
        """(N,) text, unique: the path below the root, or shard and record."""

    def part(self, start: int, stop: int) -> Records:
        """Some of them, small enough to be sent to another process, whatever its working directory."""

    def read(self) -> Iterator[Read]:
        """The bytes of each, in order; a record that cannot be read is an error in its place."""

    def digest(self) -> str:
        """A hash of what the bytes depend on: names, sizes and times of change, not the bytes themselves."""


@dataclass(frozen=True, eq=False)
class Files:
    """A file for each image.

    Attributes:
        root: the folder that names are relative to.
        names: (N,) POSIX paths.
    """

    root: Path
    names: Names

    def part(self, start: int, stop: int) -> Files:
        """The files from `start` to `stop`."""
        return Files(self.root.absolute(), self.names[start:stop])

    def read(self) -> Iterator[Read]:
        """Each file whole."""
        for name in self.names.tolist():
            try:
                yield _content(self.root / name)
            except OSError as error:
                yield UnreadableError(error.strerror or type(error).__name__)

    def digest(self) -> str:
        """Of each file's name, size and time of change."""
        content = hashlib.sha256(b"files")
        for name in self.names.tolist():
            content.update(f"{name}\0{_state(self.root, name)}\0".encode())
        return content.hexdigest()


def _content(path: Path) -> Read:
    """The bytes of a file; reading from a pipe would wait for ever."""
    if path.exists() and not path.is_file():
        return UnreadableError("not a file but a pipe, socket or device")
    return path.read_bytes()


@dataclass(frozen=True, eq=False)
class Stretches:
    """Stretches of larger files, one for each image.

    Attributes:
        root: the folder that shards are relative to.
        names: (N,) of the images.
        shards: names of the larger files.
        shard: (N,) which of them, in steps that never go back.
        offset: (N,) first byte.
        length: (N,) number of bytes.
    """

    root: Path
    names: Names
    shards: tuple[str, ...]
    shard: Integers
    offset: Integers
    length: Integers

    def part(self, start: int, stop: int) -> Stretches:
        """The stretches from `start` to `stop`."""
        chosen = slice(start, stop)
        return Stretches(
            self.root.absolute(),
            self.names[chosen],
            self.shards,
            self.shard[chosen],
            self.offset[chosen],
            self.length[chosen],
        )

    def read(self) -> Iterator[Read]:
        """Each stretch; a shard is opened once for those that follow one another."""
        for shard in np.unique(self.shard):
            these = np.flatnonzero(self.shard == shard)
            try:
                with (self.root / self.shards[shard]).open("rb") as file:
                    for place in these:
                        file.seek(int(self.offset[place]))
                        yield file.read(int(self.length[place]))
            except OSError as error:
                raise DataError(
                    f"{self.root / self.shards[shard]} cannot be read ({error.strerror})"
                ) from error

    def digest(self) -> str:
        """Of each shard's name, size and time of change, and of the stretches."""
        content = hashlib.sha256(b"stretches")
        content.update(shards_state(self.root, self.shards).encode())
        for array in (self.shard, self.offset, self.length):
            content.update(np.ascontiguousarray(array).data)
        return content.hexdigest()


def shards_state(root: Path, shards: Sequence[str]) -> str:
    """Names, sizes and times of change of some files: equal where none of them was changed."""
    return "\0".join(f"{name}\0{_state(root, name)}" for name in shards)


def _state(root: Path, name: str) -> str:
    """Size and time of change of a file; empty where there is none."""
    try:
        found = os.stat(f"{root}/{name}")  # noqa: PTH116  # a million paths take three times as long
    except OSError:
        return ""
    return f"{found.st_size}/{found.st_mtime_ns}"


def texts(values: Sequence[str] | NDArray[np.str_]) -> Names:
    """Names as an array of text of any length."""
    return np.array(values, np.dtypes.StringDType())
