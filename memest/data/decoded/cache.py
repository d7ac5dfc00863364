"""Decoded images kept on this machine: made once, mapped by every later start.

    <cache>/<key>/manifest.json     written last: what it is of, how it was made, what could not be read
    <cache>/<key>/pixels.npy …      see `build`
    <cache>/<key>.lock              held by the process that makes it

The key is a hash of the names, sizes and times of change of what went in and of the shape it was made into.
Labels are not in it: they are read from the source at every start, so correcting one decodes nothing anew.
"""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from memest.data.decoded.build import DIGESTS, INDEX, MOMENTS, PARTS, PIXELS, Columns, decode_into
from memest.data.decoded.pictures import GREY, Shape, format_named
from memest.data.decoded.records import Records
from memest.data.images import Names
from memest.data.mapped import MappedImages
from memest.errors import DataError
from memest.files import write_whole
from memest.grammar.config import digest

MANIFEST = "manifest.json"
VERSION = 2
"""Raised when the same bytes would be decoded to other pixels."""
_SHOWN = 5
_OURS = re.compile(
    "|".join(
        (
            *map(re.escape, (PIXELS, DIGESTS, MOMENTS, INDEX, PARTS)),
            r"(pixels|manifest\.json\.[\d-]+)\.partial",
            re.escape(MANIFEST),
        )
    )
)
_PART = re.compile(r"\d{12}\.npz(\.[\d-]+\.partial)?")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class CacheEntry:
    """One collection of decoded images in the cache.

    Attributes:
        folder: where it lies.
        origin: the path it was made of.
        settings: the shape its images were made into.
        count: N, images.
        failed: position and reason of each that could not be read.
        coloured: how many were not grey.
        notes: what was done to images that are not simply pixels, and to how many of them.
        part: `train` or `test`: which of the two collections that a source may hold.
        version: of the decoding; entries of another one are not read.
    """

    folder: Path
    origin: str
    settings: dict[str, Any]
    count: int
    failed: dict[int, str]
    coloured: int
    notes: list[str]
    part: str = "train"
    version: int = 2

    @property
    def size(self) -> int:
        """Bytes on the disk."""
        return size_of(self.folder)

    def images(self) -> MappedImages:
        """All of them, mapped."""
        pixels = np.load(self.folder / PIXELS, mmap_mode="r")
        known = (np.load(self.folder / name, mmap_mode="r") for name in (DIGESTS, MOMENTS))
        return MappedImages(pixels, np.arange(self.count), *known)


def cache_root() -> Path:
    """The folder of all decoded images: `MEMEST_CACHE`, else `memest/decoded` in the user's cache folder."""
    if own := os.environ.get("MEMEST_CACHE"):
        return Path(own)
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "memest" / "decoded"


def decoded(records: Records, shape: Shape, origin: Path, part: str = "train") -> CacheEntry:
    """The decoded images of a collection: found, or made while other processes that want them wait.

    Args:
        records: the encoded images.
        shape: what they are made into.
        origin: the path they come from, for people.
        part: `train` or `test`. What was decoded of the same part, path and shape before is out of date.

    Raises:
        DataError: the cache cannot be written or has no room.
    """
    key = digest(VERSION, asdict(shape), records.digest())[:32]
    folder = cache_root().absolute() / key
    if (entry := _entry(folder)) is None:
        require_room(folder, len(records.names), shape)
        with locked(folder):
            if (entry := _entry(folder)) is None:
                stale = [old for old in cache_entries() if _same_source(old, origin, shape, part)]
                if stale:
                    _log.warning("%s has changed since it was decoded: it is decoded anew", origin)
                entry = _made(folder, records, shape, origin, part)
                for old in stale:
                    drop(old.folder)
    return entry


def cache_entries() -> Iterator[CacheEntry]:
    """What is in the cache, by its folder's name."""
    for folder in sorted(cache_root().glob("*/")):
        if (entry := _entry(folder)) is not None:
            yield entry


def size_of(folder: Path) -> int:
    """Bytes on the disk of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def drop(folder: Path) -> None:
    """Delete what memest made in the folder of an entry, and the folder if nothing else is in it.

    A process that has it mapped keeps what it has; of a link nothing but the link is deleted.
    """
    with suppress(OSError):
        if folder.is_symlink():
            folder.unlink()
            return
        (folder / MANIFEST).unlink(missing_ok=True)
        for path in made_in(folder):
            if path.name == PARTS and path.is_dir() and not path.is_symlink():
                _drop_parts(path)
            else:
                path.unlink(missing_ok=True)
        folder.rmdir()


def made_in(folder: Path) -> list[Path]:
    """What is in the folder of an entry that goes by a name of memest's."""
    return [path for path in folder.iterdir() if _OURS.fullmatch(path.name)]


def _drop_parts(folder: Path) -> None:
    for path in folder.iterdir():
        if _PART.fullmatch(path.name):
            path.unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()


def _entry(folder: Path) -> CacheEntry | None:
    """The entry in a folder, if it was made to its end."""
    try:
        held = json.loads((folder / MANIFEST).read_bytes())
        failed = {int(place): reason for place, reason in held.pop("failed").items()}
        return CacheEntry(folder=folder, failed=failed, **held)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _made(folder: Path, records: Records, shape: Shape, origin: Path, part: str) -> CacheEntry:
    try:
        columns = decode_into(folder, records, shape, origin.name)
        modes = Counter(columns["mode"].tolist())
        coloured = sum(count for mode, count in modes.items() if mode not in GREY | {""})
        entry = CacheEntry(
            folder=folder,
            origin=str(origin.resolve()),
            settings=asdict(shape),
            count=len(records.names),
            failed=_failed(columns),
            coloured=coloured,
            notes=_notes(columns, records.names, coloured if shape.color == "grey" else 0),
            part=part,
            version=VERSION,
        )
        held = {name: value for name, value in vars(entry).items() if name != "folder"}
        write_whole(folder / MANIFEST, json.dumps(held).encode())
    except OSError as error:
        raise DataError(
            f"decoded images cannot be kept in {folder} ({error.strerror or error}); make room, or set "
            "MEMEST_CACHE to another folder"
        ) from error
    if entry.notes:
        _log.warning("%s: of %d images %s", entry.origin, entry.count, ", ".join(entry.notes))
    return entry


def _failed(columns: Columns) -> dict[int, str]:
    return {int(place): str(columns["error"][place]) for place in np.flatnonzero(columns["error"] != "")}


def _notes(columns: Columns, names: Names, coloured: int) -> list[str]:
    """What was done to images that are not simply pixels, each with how many there were."""
    counts = {
        "turned by their EXIF flag": int(columns["rotated"].sum()),
        "of several frames or pages, the first taken": int((columns["frames"] > 1).sum()),
        "scaled from 16 bits": int(np.strings.startswith(columns["mode"], "I;16").sum()),
        "in colour made grey": coloured,
    }
    return [f"{count} {what}" for what, count in counts.items() if count] + _misnamed(columns, names)


def _misnamed(columns: Columns, names: Names) -> list[str]:
    """How many are of another format than their names say, and the first of them."""
    alike = {"MPO": "JPEG"}  # photographs of many cameras are both
    pairs = zip(names.tolist(), columns["format"].tolist(), strict=True)
    wrong = [
        (name, is_) for name, is_ in pairs if is_ and format_named(name) not in ("", is_, alike.get(is_))
    ]
    listed = "; ".join(
        f"{name if name.isprintable() else ascii(name)} ({is_})" for name, is_ in wrong[:_SHOWN]
    )
    more = ", …" if len(wrong) > _SHOWN else ""
    return [f"{len(wrong)} of another format than their names say: {listed}{more}"] if wrong else []


def _same_source(entry: CacheEntry, origin: Path, shape: Shape, part: str) -> bool:
    return (entry.origin, entry.part) == (str(origin.resolve()), part) and entry.settings == asdict(shape)


def require_room(folder: Path, count: int, shape: Shape) -> None:
    """Refuse to begin what the disk has no room for.

    Raises:
        DataError: with what is needed and what there is.
    """
    needed = count * shape.size**2 * shape.channels
    place = next(path for path in (folder, *folder.parents) if os.path.exists(path))  # noqa: PTH110  # may be closed to us
    pixels = f"{folder}/{PIXELS}"
    there = os.path.getsize(pixels) if os.path.isfile(pixels) else 0  # noqa: PTH113, PTH202
    free = shutil.disk_usage(place).free
    if needed - there > free:
        raise DataError(
            f"{count} decoded images of {shape.size} × {shape.size} need {_bytes(needed)} in {place}, "
            f"and {_bytes(free)} are free; use a smaller size=, delete others: `memest cache --empty "
            "all`, or set MEMEST_CACHE to a larger disk"
        )


def _bytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 or not count else f"{count / 1e6:.3g} MB"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """The lock of one entry; a process that has to wait for it says so."""
    from filelock import FileLock, Timeout

    lock = FileLock(f"{folder}.lock")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            _log.warning("another process is decoding these images: waiting for it")
            lock.acquire()
    except OSError as error:
        raise DataError(
            f"the cache {folder.parent} cannot be written ({error.strerror or error}); set MEMEST_CACHE to "
            "another folder"
        ) from error
    try:
        yield
    finally:
        lock.release()
