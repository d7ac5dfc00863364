"""Keys of online scores and summaries: taken from the training batches themselves, named `seen/…`."""

from __future__ import annotations

SEEN = "seen/"


def is_online(key: str) -> bool:
    """Whether a key is of what training itself saw."""
    return key.startswith(SEEN)


def without_seen(key: str) -> str:
    """The key of the same score or summary in evaluation mode, without augmentation."""
    return key.removeprefix(SEEN)


def split(key: str) -> tuple[str, str]:
    """What comes before the clean key, `seen/` or nothing, and the clean key."""
    return (SEEN if is_online(key) else ""), without_seen(key)
