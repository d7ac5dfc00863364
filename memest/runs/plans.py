"""What was chosen by measuring this machine, remembered so that the same command makes the same run again."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from memest.tracking import home

T = TypeVar("T")
_UNREADABLE = (OSError, LookupError, TypeError, ValueError)


def remembered(
    key: str, read: Callable[[bytes], T], choose: Callable[[], T], write: Callable[[T], bytes]
) -> T:
    """What was chosen for `key` before on this machine, else what `choose` gives now; in `.memest/plans`.

    Of two processes that start at once the first to finish decides for both. Where the file cannot be read,
    the choice is made anew.

    Args:
        key: of everything that the choice depends on, but the machine.
        read: bytes → choice; raises a LookupError, TypeError or ValueError if they are none.
        choose: makes the choice.
        write: choice → bytes.
    """
    from filelock import FileLock

    path = home() / "plans" / f"{key[:20]}.json"
    with suppress(*_UNREADABLE):
        return read(path.read_bytes())
    choice = choose()  # before anything is written: it may be refused
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        with suppress(*_UNREADABLE):
            return read(path.read_bytes())
        path.write_bytes(write(choice))
    return choice
