"""What commands show on a terminal: how far they are, and where the results can be looked at."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

T = TypeVar("T")


def progress(steps: Iterable[T], total: int, what: str) -> Iterable[T]:
    """`steps`, with a bar on a terminal once they have taken two seconds."""
    from tqdm import tqdm

    bar: Iterable[T] = tqdm(steps, total=total, desc=what, delay=2, disable=None, leave=False)
    return bar


def look(uri: str) -> str:
    """Where a server shows its runs, or the command that shows those of a database."""
    return uri if uri.startswith(("http://", "https://")) else f"mlflow ui --backend-store-uri {uri}"
