"""List what decoded images are kept on this machine, and delete them."""

from __future__ import annotations

import shutil
from dataclasses import dataclass

from memest.data.decoded import CacheEntry, cache_entries, cache_root, drop
from memest.data.decoded.index import INDEXES
from memest.errors import SettingError
from memest.grammar.config import option


@dataclass(frozen=True)
class CacheConfig:
    """What may be done with the cache of decoded images."""

    empty: str = option("", "what to delete: all, or the key of an entry; empty: nothing")


def cache(config: CacheConfig) -> str:
    """The entries of the cache with their sizes, or what was deleted.

    Raises:
        SettingError: there is no such entry.
    """
    held = list(cache_entries())
    if not config.empty:
        lines = [_line(entry) for entry in held]
        return "\n".join([*lines, f"{len(held)} entries, {_size(held)} in {cache_root()}"])
    chosen = [entry for entry in held if config.empty in ("all", entry.folder.name)]
    if config.empty != "all" and not chosen:
        known = ", ".join(entry.folder.name for entry in held) or "none"
        raise SettingError(f"--empty {config.empty}: there is no such entry (there are {known}); or say all")
    said = f"deleted {len(chosen)} entries, {_size(chosen)}, of {cache_root()}"
    for entry in chosen:
        drop(entry)
    if config.empty == "all":
        shutil.rmtree(cache_root() / INDEXES, ignore_errors=True)
    return said


def _line(entry: CacheEntry) -> str:
    made = ", ".join(f"{name} {value}" for name, value in entry.settings.items())
    notes = "".join(f"; {note}" for note in entry.notes)
    return (
        f"{entry.folder.name}  {_size([entry]):>9}  {entry.count:,} images, {made}, of {entry.origin}{notes}"
    )


def _size(held: list[CacheEntry]) -> str:
    return f"{sum(entry.size for entry in held) / 1e6:,.1f} MB"
