"""The status of a sweep as text: how many runs are done, running, failed and waiting, and the time left."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from memest.sweep.queue import Event, State

_SHOWN = 12
_ORDER: tuple[State, ...] = ("done", "busy", "failed", "running", "waiting")
_WORDS = {"busy": "with others"}


@dataclass(frozen=True)
class TaskStatus:
    """The status of one task.

    Attributes:
        state: its state now.
        tries: times that it was begun.
        seconds: the last finished try took.
        message: the run it made, or why it failed.
        since: clock time at which the state began.
    """

    state: State = "waiting"
    tries: int = 0
    seconds: float = 0.0
    message: str = ""
    since: float = 0.0


class Status:
    """All tasks of a sweep.

    Args:
        names: of the tasks.
        slots: returns how many run at a time.
        clock: seconds.
    """

    def __init__(
        self, names: Iterable[str], slots: Callable[[], int], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.entries = {name: TaskStatus() for name in names}
        self._slots, self._clock = slots, clock

    def update(self, event: Event) -> None:
        """Record what happened to a task."""
        old = self.entries[event.task.name]
        self.entries[event.task.name] = replace(
            old,
            state=event.state,
            tries=event.tries,
            seconds=event.seconds or old.seconds,
            message=event.message or old.message,
            since=self._clock(),
        )

    def of(self, state: State) -> dict[str, TaskStatus]:
        """The tasks in a state."""
        return {name: entry for name, entry in self.entries.items() if entry.state == state}

    def left(self) -> float | None:
        """Estimated seconds until all is done, by the mean of finished tasks; None before the first."""
        done, running, waiting = (self.of(state) for state in ("done", "running", "waiting"))
        if not done:
            return None
        mean = sum(entry.seconds for entry in done.values()) / len(done)
        now = self._clock()
        begun = sum(max(0.0, mean - (now - entry.since)) for entry in running.values())
        return (begun + mean * len(waiting)) / max(1, min(self._slots(), len(running) + len(waiting)))

    def summary(self) -> str:
        """`3 done, 2 running, 1 failed, 6 waiting; about 4 min left`."""
        counts = Counter(entry.state for entry in self.entries.values())
        parts = ", ".join(f"{counts[state]} {_WORDS.get(state, state)}" for state in _ORDER if counts[state])
        left = self.left()
        going = counts["running"] + counts["waiting"]
        return parts + (f"; about {duration_text(left)} left" if going and left is not None else "")

    def lines(self) -> list[str]:
        """The summary, then what runs and what failed, a line each."""
        now = self._clock()
        running = [
            f"  running {duration_text(now - e.since):>8}  {name}" for name, e in self.of("running").items()
        ]
        troubled = [
            f"  {entry_line(name, e)}" for name, e in self.entries.items() if e.message and e.state != "done"
        ]
        shown = [*running, *troubled]
        more = [f"  … and {len(shown) - _SHOWN} more"] if len(shown) > _SHOWN else []
        return [self.summary(), *shown[:_SHOWN], *more]


def entry_line(name: str, entry: TaskStatus) -> str:
    """One task in one line: `failed seed=3: SettingError … (3 tries)`."""
    tries = f" ({entry.tries} tries)" if entry.tries > 1 else ""
    took = f" in {duration_text(entry.seconds)}" if entry.state == "done" else ""
    why = f": {entry.message}" if entry.message and entry.state != "done" else ""
    return f"{_WORDS.get(entry.state, entry.state)} {name}{took}{why}{tries}"


def duration_text(seconds: float) -> str:
    """Seconds as people say them."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
