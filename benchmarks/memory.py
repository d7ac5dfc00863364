"""How much memory a process and all that it starts take at most, shared pages counted once."""

from __future__ import annotations

import threading
from pathlib import Path
from types import TracebackType

_EVERY = 0.5


class Peak:
    """Watches a process and its children, from another thread, while a block runs.

    Args:
        pid: of the process.

    Attributes:
        gigabytes: the largest sum of their proportional shares (PSS) that was seen.
    """

    def __init__(self, pid: int) -> None:
        self.gigabytes = 0.0
        self._pid, self._over = pid, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Peak:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(_EVERY):
            self.gigabytes = max(self.gigabytes, sum(map(share, tree(self._pid))) / 1e9)


def tree(pid: int) -> list[int]:
    """A process and all below it."""
    found = [pid]
    for one in found:
        for file in Path(f"/proc/{one}/task").glob("*/children"):
            try:
                found += map(int, file.read_text().split())
            except OSError:  # it ended meanwhile
                continue
    return found


def share(pid: int) -> int:
    """Bytes of a process, each page divided by the number of those that share it; 0 where it has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
