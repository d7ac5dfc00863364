"""What commands show on a terminal while they work."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

T = TypeVar("T")


def progress(steps: Iterable[T], total: int, what: str) -> Iterable[T]:
    """`steps`, with a bar on a terminal once they have taken two seconds, where tqdm is installed."""
    try:
        from tqdm import tqdm
    except ModuleNotFoundError:
        return steps

    bar: Iterable[T] = tqdm(steps, total=total, desc=what, delay=2, disable=None, leave=False)
    return bar
