"""Text that reaches a terminal or a file whatever their encoding."""

from __future__ import annotations

import io
import os
import sys


def tolerate_encodings() -> None:
    """From now on, write what the encoding of this process's output cannot hold as `?`."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def say(text: str) -> None:
    """Print `text`; a reader who has seen enough, such as `head`, is no error."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        os.dup2(
            os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno()
        )  # nor is what Python flushes at its end
