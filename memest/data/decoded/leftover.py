"""Folders of the cache that this version does not read: of another one, not made to its end, or links."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memest.data.decoded.build import PARTS, PIXELS
from memest.data.decoded.cache import MANIFEST, VERSION, cache_entries, cache_root, made_in, size_of

OLDER = "of an older version of memest: nothing reads it"
NEWER = "of a newer version of memest: delete it with that one"
LINK = "a link to another folder: delete it there"
UNFINISHED = "not made to its end: a start with the same images goes on with it"
AT_WORK = "being made by another process"
STAYS = (AT_WORK, NEWER, LINK)
"""What is listed and not deleted."""
_KEY = re.compile(r"[0-9a-f]{32}")
_FIELDS = {"origin": str, "settings": dict, "count": int, "failed": dict}
"""Of the manifest of every version."""


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
        if folder in read and not folder.is_symlink():
            continue
        if _KEY.fullmatch(folder.name) and (why := _why(folder)):
            yield Leftover(folder, why)


def _why(folder: Path) -> str:
    """Why a folder is not read; empty: memest did not make it."""
    if (folder / MANIFEST).exists():
        held = _manifest(folder)
        if not all(isinstance(held.get(name), kind) for name, kind in _FIELDS.items()):
            return ""
        if folder.is_symlink():
            return LINK
        return OLDER if held.get("version", 1) < VERSION else NEWER
    begun = any((folder / name).exists() for name in (PIXELS, PARTS))
    lock = Path(f"{folder}.lock")  # stays where a process was killed
    if not begun or not lock.exists() or folder.is_symlink() or set(folder.iterdir()) - set(made_in(folder)):
        return ""
    return UNFINISHED if _free(lock) else AT_WORK


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        held = json.loads((folder / MANIFEST).read_bytes())
    except (OSError, ValueError):
        return {}
    return held if isinstance(held, dict) and isinstance(held.get("version", 1), int) else {}


def _free(lock: Path) -> bool:
    """Whether no process holds a lock."""
    from filelock import FileLock, Timeout

    try:
        with FileLock(lock, timeout=0):
            return True
    except (Timeout, OSError):
        return False
