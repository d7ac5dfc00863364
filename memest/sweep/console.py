"""What a sweep prints while it works: a table redrawn on a terminal, elsewhere a line now and then."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable
from typing import TextIO

from memest.sweep.queue import Event
from memest.sweep.status import Status, entry_line

_UP, _CLEAR = "\x1b[{}A", "\x1b[J"


class Console:
    """Prints the status of a sweep on a stream.

    Args:
        stream: standard error, as a rule: standard output is for the outcome.
        pause: without a terminal, seconds without a line after which the summary is printed.
        clock: seconds.
    """

    def __init__(
        self, stream: TextIO, pause: float = 30.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._stream, self._live = stream, stream.isatty()
        self._pause, self._clock, self._printed = pause, clock, clock()
        self._drawn = 0

    def say(self, lines: Iterable[str]) -> None:
        """Print lines that stay."""
        self._write(list(lines))
        self._drawn = 0

    def show(self, status: Status, events: Iterable[Event]) -> None:
        """Print the status; without a terminal, what happened, or the summary after a pause."""
        if self._live:
            width = shutil.get_terminal_size().columns - 1
            lines = [line[:width] for line in status.lines()]
            self._write(lines)
            self._drawn = len(lines)
            return
        names = [event.task.name for event in events if event.state != "running"]
        lines = [f"{entry_line(name, status.entries[name])} ({status.summary()})" for name in names]
        overdue = self._clock() - self._printed >= self._pause
        self._write(lines or ([status.summary()] if overdue else []))

    def _write(self, lines: list[str]) -> None:
        if lines:
            self._printed = self._clock()
        back = _UP.format(self._drawn) + _CLEAR if self._drawn else ""
        self._stream.write(back + "".join(f"{line}\n" for line in lines))
        self._stream.flush()
