"""JSON-lines files that survive a crash in the middle of a line."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from memest.errors import JournalError

Entry = dict[str, Any]


def read_lines(path: Path, start: int = 0, cut: bool = True) -> Iterator[tuple[Entry, int]]:
    """The lines of a JSON-lines file from byte `start`, each with the byte at which it ends.

    Args:
        cut: remove a last line that a crash left unfinished, once all lines before it were read.

    Raises:
        JournalError: a line in the middle is damaged.
    """
    if not path.exists():
        return
    end = start
    with path.open("rb") as file:
        file.seek(start)
        for line in file:
            if not line.endswith(b"\n"):
                break
            try:
                entry = json.loads(line)
            except ValueError as error:
                if file.read(1):
                    raise JournalError(f"{path} is damaged at byte {end}; delete {path.parent}") from error
                break
            end += len(line)
            yield entry, end
    if cut and path.stat().st_size > end:
        os.truncate(path, end)
