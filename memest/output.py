"""Text that reaches a terminal or a file whatever their encoding."""

from __future__ import annotations

import io
import sys


def tolerate_encodings() -> None:
    """From now on, write what the encoding of this process's output cannot hold as `?`."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
