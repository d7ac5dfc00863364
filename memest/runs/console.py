"""What commands show on a terminal: how far they are, and where the results can be looked at."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


def progress(steps: Iterable[T], total: int, what: str) -> Iterable[T]:
    """`steps`, with a bar on a terminal once they have taken two seconds."""
    from tqdm import tqdm

    bar: Iterable[T] = tqdm(steps, total=total, desc=what, delay=2, disable=None, leave=False)
    return bar


def look(uri: str) -> str:
    """Where a server shows its runs; of a database the command that does, as it can be typed here."""
    if uri.startswith(("http://", "https://")):
        return uri
    return f"{_program('mlflow')} ui --backend-store-uri {shlex.quote(uri)}"


def _program(name: str) -> str:
    """A program of this environment: by its path, unless the environment is one that was activated."""
    file = Path(sys.prefix) / "bin" / name
    activated = sys.prefix in (sys.base_prefix, os.environ.get("VIRTUAL_ENV"))
    if activated or not file.exists():
        return name
    here = Path.cwd()
    return shlex.quote(str(file.relative_to(here) if file.is_relative_to(here) else file))
