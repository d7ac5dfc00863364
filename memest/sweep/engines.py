"""Where the tasks of a sweep are executed.

An engine is one function registered in `ENGINES` that returns an `Engine`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Protocol

from memest.grammar.registry import Registry
from memest.grammar.values import Index
from memest.sweep.task import Child, Result, Task, cores
from memest.sweep.warm import WarmChild, available

_LOOK = 0.05


class Engine(Protocol):
    """Starts tasks and reports when they end."""

    @property
    def slots(self) -> int:
        """How many tasks it executes at a time."""
        ...

    def start(self, task: Task) -> None:
        """Begin a task."""
        ...

    def finished(self, seconds: float) -> list[Result]:
        """The tasks that have finished since the last call; waits up to `seconds` for the first."""
        ...

    def stop(self) -> None:
        """Terminate what still runs, and wait for it."""
        ...


ENGINES: Registry[Callable[..., Engine]] = Registry("engine")


class LocalEngine:
    """Processes of this machine.

    Args:
        jobs: at a time.
        threads: of each; 0: one for a small network, else at most its share of the cores.
        gpus: on this machine; the processes are distributed over them in turn.
    """

    def __init__(self, jobs: int, threads: int, gpus: int) -> None:
        self.slots = jobs
        self._threads = thread_limits(threads, cores() // jobs)
        self._gpus = gpus
        self._running: dict[int, Child | WarmChild] = {}
        self._child = WarmChild if not gpus and available() else Child

    def start(self, task: Task) -> None:
        """Begin a task in the first free slot."""
        slot = next(slot for slot in range(self.slots) if slot not in self._running)
        self._running[slot] = self._child(task, self._environment(slot))

    def finished(self, seconds: float) -> list[Result]:
        """The tasks that have finished since the last call."""
        deadline = time.monotonic() + seconds
        while True:
            over = [slot for slot, child in self._running.items() if not child.running]
            if over or time.monotonic() >= deadline:
                return [self._running.pop(slot).result() for slot in over]
            time.sleep(_LOOK)

    def stop(self) -> None:
        """Terminate all that still runs, together."""
        for child in self._running.values():
            child.terminate()
        while self._running:
            self._running.popitem()[1].stop()

    def _environment(self, slot: int) -> dict[str, str]:
        given = os.environ.get("CUDA_VISIBLE_DEVICES")
        devices = given.split(",") if given else [str(gpu) for gpu in range(self._gpus)]
        gpu = {"CUDA_VISIBLE_DEVICES": devices[slot % len(devices)]} if self._gpus > 1 else {}
        return self._threads | gpu


def thread_limits(threads: int, share: int) -> dict[str, str]:
    """Variables that tell a run its threads.

    Args:
        threads: that it is to compute with; 0: it chooses.
        share: of the cores that it may use when it chooses.
    """
    if threads or share <= 1:
        return {"OMP_NUM_THREADS": str(threads or 1)}
    return {"MEMEST_MAX_THREADS": str(share)}


@ENGINES.register
def local(present: int, *, jobs: Index = 0, threads: Index = 0) -> Engine:
    """Processes of this machine, which share its cores.

    Args:
        present: GPUs of this machine.
        jobs: processes at a time; 0: one for each GPU, without GPUs one for each core.
        threads: of each process; 0: one for a small network, else at most its share of the cores.
    """
    return LocalEngine(jobs or present or cores(), threads, present)
