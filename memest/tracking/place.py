"""Where on this machine runs keep their working files, one process at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from memest.errors import BusyError


def home() -> Path:
    """Where runs keep their working files: `MEMEST_HOME`, else `.memest` in the working directory."""
    return Path(os.environ.get("MEMEST_HOME", ".memest"))


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """A block that one process of this machine at a time is in, for one folder.

    The lock is the operating system's and goes with the process, however that ends.

    Raises:
        BusyError: another is in it.
    """
    from filelock import FileLock, Timeout

    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / "lock", timeout=0):
            yield
    except Timeout as error:
        raise BusyError(
            f"another process is at work on this configuration (lock {folder / 'lock'}); wait for it, "
            "then run the same command again"
        ) from error
