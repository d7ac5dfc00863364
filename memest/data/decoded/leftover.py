"""Folders of the cache that are no entry: of an older version of memest, or not made to their end."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from memest.data.decoded.build import PARTS, PIXELS
from memest.data.decoded.cache import MANIFEST, VERSION, cache_entries, cache_root, size_of

OLDER = "of an older version of memest: nothing reads it"
UNFINISHED = "not made to its end: a start with the same images goes on with it"
AT_WORK = "being made by another process"
_KEY = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Leftover:
    """A folder of the cache that is no entry, and why."""

    folder: Path
    why: str

    @property
    def size(self) -> int:
        """Bytes on the disk."""
        return size_of(self.folder)


def leftovers() -> Iterator[Leftover]:
    """What lies in the cache beside its entries, by the folder's name; nothing that memest did not make."""
    read = {entry.folder for entry in cache_entries() if entry.version == VERSION}
    for folder in sorted(cache_root().glob("*/")):
        ours = any((folder / name).exists() for name in (MANIFEST, PIXELS, PARTS))
        if folder not in read and _KEY.fullmatch(folder.name) and ours:
            yield Leftover(folder, _why(folder))


def _why(folder: Path) -> str:
    if (folder / MANIFEST).exists():
        return OLDER
    return UNFINISHED if _free(folder) else AT_WORK


def _free(folder: Path) -> bool:
    """Whether no process holds the lock of an entry."""
    from filelock import FileLock, Timeout

    lock = Path(f"{folder}.lock")
    if not lock.exists():
        return True
    try:
        with FileLock(lock, timeout=0):
            return True
    except (Timeout, OSError):
        return False
