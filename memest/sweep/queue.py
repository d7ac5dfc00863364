"""Tasks executed by an engine, in order: as many at a time as it has slots, failed ones again.

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
from memest.sweep.task import Task

State = Literal["waiting", "running", "done", "busy", "failed"]
_STATES: dict[str, State] = {
    "done": "done",
    "done before": "done",
    "busy": "busy",
    "failed": "failed",
    "refused": "failed",  # what planning has accepted is refused where a server or a file is not reached
}
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
        message: the run it made, or why it failed.
        seconds: the try that finished took.
    """

    task: Task
    state: State
    tries: int
    message: str = ""
    seconds: float = 0.0


def run_tasks(
    tasks: Sequence[Task],
    engine: Engine,
    pauses: Sequence[float] = PAUSES,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[list[Event]]:
    """Execute every task; a failed one does not stop the others. Leaving the loop terminates what still runs.

    Args:
        tasks: in the order in which they are begun.
        engine: executes them.
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
            for result in engine.finished(_TICK):
                running -= 1
                task, name = result.task, result.task.name
                state = _STATES[result.outcome.state]
                if state == "busy" and looks[name] < len(pauses):
                    later.append((clock() + pauses[looks[name]], task))
                    looks[name] += 1
                    state = "waiting"
                elif state == "failed" and tries[name] - looks[name] <= RETRIES:
                    waiting.append(task)
                    state = "waiting"
                message = result.outcome.run or result.outcome.message
                events.append(Event(task, state, tries[name], message, result.seconds))
            yield events
    finally:
        engine.stop()
