"""Tasks through an engine, in order: as many at a time as it takes, failed ones again. Depends on `engines`.

waiting → running → done | busy | failed
             ↑_________________|         two more times; a busy one after a pause
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from memest.sweep.engines import Engine
from memest.sweep.task import Ended, Task

State = Literal["waiting", "running", "done", "busy", "failed"]
RETRIES = 2
PAUSES = (5.0, 10.0, 20.0, 40.0, 60.0)
"""Seconds between looks at a task that another process is at work on. Together they are longer than it takes
until a run that died on another machine counts as dead."""
_TICK = 0.5


@dataclass(frozen=True)
class Event:
    """What happened to a task.

    Attributes:
        task: which.
        state: the one it is in now; `waiting`: it will be tried again.
        tries: begun so far.
        said: its last word, or why it failed.
        seconds: the try that ended took.
    """

    task: Task
    state: State
    tries: int
    said: str = ""
    seconds: float = 0.0


def carry_out(
    tasks: Sequence[Task],
    engine: Engine,
    judge: Callable[[Ended], tuple[State, str]],
    pauses: Sequence[float] = PAUSES,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[list[Event]]:
    """Execute every task; a failed one does not stop the others. What still runs is ended with the loop.

    Args:
        tasks: in the order in which they are begun.
        engine: where.
        judge: `done`, `busy` or `failed`, and what to say of it.
        pauses: before a busy task is looked at again, one after the other; after the last it is left alone.
        clock: seconds.

    Yields:
        what happened since the last time, perhaps nothing, about twice a second.
    """
    waiting = deque(tasks)
    later: list[tuple[float, Task]] = []
    tries: Counter[str] = Counter()
    looks: Counter[str] = Counter()
    running = 0
    try:
        while waiting or later or running:
            events: list[Event] = []
            waiting.extend(task for due, task in later if due <= clock())
            later = [(due, task) for due, task in later if due > clock()]
            while waiting and running < engine.slots:
                task = waiting.popleft()
                engine.start(task)
                running += 1
                tries[task.name] += 1
                events.append(Event(task, "running", tries[task.name]))
            if events:
                yield events
            events = []
            for ended in engine.ended(_TICK):
                running -= 1
                task, name = ended.task, ended.task.name
                state, said = judge(ended)
                if state == "busy" and looks[name] < len(pauses):
                    later.append((clock() + pauses[looks[name]], task))
                    looks[name] += 1
                    state = "waiting"
                elif state == "failed" and tries[name] - looks[name] <= RETRIES:
                    waiting.append(task)
                    state = "waiting"
                events.append(Event(task, state, tries[name], said, ended.seconds))
            yield events
    finally:
        engine.stop()
