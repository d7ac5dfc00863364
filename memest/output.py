"""Text that reaches a terminal or a file whatever their encoding, and bars that show progress."""

from __future__ import annotations

import io
import os
import shlex
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar


def tolerate_encodings() -> None:
    """From now on, write what the encoding of this process's output cannot hold as `?`."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def say(text: str, error: bool = False) -> None:
    """Write a line to stdout or stderr; a reader who has seen enough, such as `head`, is no error."""
    stream = sys.stderr if error else sys.stdout
    try:
        stream.write(f"{text}\n")
        stream.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())  # nor is what Python flushes at its end


def program(name: str) -> str:
    """A program of this environment, to be typed: by its path, unless the environment was activated."""
    file = Path(sys.prefix) / "bin" / name
    activated = sys.prefix in (sys.base_prefix, os.environ.get("VIRTUAL_ENV"))
    if activated or not file.exists():
        return name
    here = Path.cwd()
    return shlex.quote(str(file.relative_to(here) if file.is_relative_to(here) else file))


T = TypeVar("T")


def progress(steps: Iterable[T], total: int, what: str) -> Iterable[T]:
    """`steps`, with a bar on a terminal once they have taken two seconds, where tqdm is installed."""
    try:
        from tqdm import tqdm
    except ModuleNotFoundError:
        return steps

    bar: Iterable[T] = tqdm(steps, total=total, desc=what, delay=2, disable=None, leave=False)
    return bar
