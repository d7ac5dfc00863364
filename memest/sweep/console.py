"""What a sweep shows while it works: a table that is drawn again on a terminal, else a line per event."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from typing import TextIO

from memest.sweep import Board, Event, told

_UP, _CLEAR = "\x1b[{}A", "\x1b[J"


class Screen:
    """Shows a board on a stream.

    Args:
        stream: standard error, as a rule: standard output is for the outcome.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._live = stream, stream.isatty()
        self._drawn = 0

    def say(self, lines: Iterable[str]) -> None:
        """Lines that stay."""
        self._write(lines)
        self._drawn = 0

    def show(self, board: Board, events: Iterable[Event]) -> None:
        """The board now; away from a terminal only what happened."""
        if self._live:
            width = shutil.get_terminal_size().columns - 1
            lines = [line[:width] for line in board.lines()]
            self._write(lines)
            self._drawn = len(lines)
        else:
            happened = [told(e.task.name, board.entries[e.task.name]) for e in events if e.state != "running"]
            self._write([f"{line} ({board.summary()})" for line in happened])

    def _write(self, lines: Iterable[str]) -> None:
        back = _UP.format(self._drawn) + _CLEAR if self._drawn else ""
        self._stream.write(back + "".join(f"{line}\n" for line in lines))
        self._stream.flush()
