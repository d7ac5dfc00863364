"""What each score costs, measured while it is measured.

On a GPU the seconds are those between two events on the device's own queue: nothing waits for them until
they are asked for.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

import torch


class Clock:
    """Seconds by name, from its making on.

    Args:
        device: whose seconds.
    """

    def __init__(self, device: torch.device) -> None:
        self._events: list[tuple[str, torch.cuda.Event, torch.cuda.Event]] = []
        self._seconds: dict[str, float] = defaultdict(float)
        self._device = device
        self._began = time.perf_counter()

    @contextmanager
    def time(self, name: str) -> Iterator[None]:
        """Add what happens inside to the seconds of `name`."""
        if self._device.type == "cuda":
            first, last = _event(), _event()
            first.record()
            yield
            last.record()
            self._events.append((name, first, last))
        else:
            began = time.perf_counter()
            yield
            self._seconds[name] += time.perf_counter() - began

    def seconds(self) -> dict[str, float]:
        """Seconds by name so far; waits for the device."""
        if self._events:
            torch.cuda.synchronize(self._device)
            for name, first, last in self._events:
                self._seconds[name] += first.elapsed_time(last) / 1000
            self._events = []
        return dict(self._seconds)

    def total(self) -> float:
        """Seconds since the clock was made, named or not."""
        return time.perf_counter() - self._began


def _event() -> torch.cuda.Event:
    return torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
