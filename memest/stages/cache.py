"""List what decoded images are kept on this machine, and delete them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from memest.data.decoded import CacheEntry, Leftover, cache_entries, cache_root, drop, leftovers
from memest.data.decoded.index import drop_indexes
from memest.data.decoded.leftover import STAYS
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
    others = list(leftovers())
    apart = {other.folder for other in others}
    entries = [entry for entry in cache_entries() if entry.folder not in apart]
    held: list[CacheEntry | Leftover] = [*entries, *others]
    if not config.empty:
        lines = [*map(_line, entries), *(f"{_begun(other)}  {other.why}" for other in others)]
        return "\n".join([*lines, f"{len(held)} entries, {_size(held)} in {cache_root()}"])
    chosen = [one for one in held if config.empty in ("all", one.folder.name)]
    if config.empty != "all" and not chosen:
        known = ", ".join(one.folder.name for one in held) or "none"
        raise SettingError(f"--empty {config.empty}: there is no such entry (there are {known}); or say all")
    return _emptied(chosen, whole=config.empty == "all")


def _emptied(chosen: list[CacheEntry | Leftover], whole: bool) -> str:
    """Delete entries; what was deleted, and what stays and why."""
    kept = [one for one in chosen if isinstance(one, Leftover) and one.why in STAYS]
    gone = [one for one in chosen if one not in kept]
    said = [f"deleted {len(gone)} entries, {_size(gone)}, of {cache_root()}"]
    for one in gone:
        drop(one.folder)
    if whole:
        drop_indexes()
    said += [f"{one.folder.name} stays: it is {one.why}" for one in kept]
    others = [one for one in gone if one.folder.exists()]
    said += [f"{one.folder} stays with what memest did not make there" for one in others]
    return "\n".join(said)


def _line(entry: CacheEntry) -> str:
    made = ", ".join(f"{name} {value}" for name, value in entry.settings.items())
    notes = "".join(f"; {note}" for note in entry.notes)
    return f"{_begun(entry)}  {entry.count:,} images, {made}, of {entry.origin}{notes}"


def _begun(one: CacheEntry | Leftover) -> str:
    return f"{one.folder.name}  {_size([one]):>9}"


def _size(held: Sequence[CacheEntry | Leftover]) -> str:
    return f"{sum(entry.size for entry in held) / 1e6:,.1f} MB"
