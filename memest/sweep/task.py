"""One run of a sweep as a process: the same command as by hand, in memory of its own. Depends on nothing.

A run that is killed, or takes its process down, takes nothing else with it; what it leaves behind is
found by the same command again.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

_LEASH = (sys.executable, "-m", "memest.sweep.leash")
_GIVEN = "MLFLOW_RUN_ID"
"""The run that `mlflow run` gave to the sweep is not for its runs."""
_KEPT = 20_000
_GRACE = 60.0
_LOOK = 0.1


@dataclass(frozen=True)
class Task:
    """What is to be executed.

    Attributes:
        name: unique within the sweep, for people.
        arguments: of `python -m`: a module and its words.
        environment: added to that of the machine it runs on.
    """

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Ended:
    """How a task ended: exit code, the ends of standard output and error, seconds."""

    task: Task
    code: int
    out: str
    err: str
    seconds: float


class Child:
    """A task that is being executed.

    Args:
        task: what.
        environment: added to the task's own, for the place it is executed at.
    """

    def __init__(self, task: Task, environment: Mapping[str, str]) -> None:
        self.task = task
        self._began = time.monotonic()
        self._out = tempfile.TemporaryFile()  # noqa: SIM115  # closed in `ended`
        self._err = tempfile.TemporaryFile()  # noqa: SIM115  # likewise
        clean = {name: value for name, value in os.environ.items() if name != _GIVEN}
        self._process = subprocess.Popen(
            [*_LEASH, *task.arguments],
            env={**clean, **task.environment, **environment},
            stdin=subprocess.PIPE,
            stdout=self._out,
            stderr=self._err,
            start_new_session=True,  # a Ctrl-C in the terminal reaches the sweep, and it ends its runs
        )

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def ended(self) -> Ended:
        """How it ended; waits for that."""
        code = self._process.wait()
        seconds = time.monotonic() - self._began
        with self._out, self._err:
            out, err = _tail(self._out.fileno()), _tail(self._err.fileno())
        if self._process.stdin:
            self._process.stdin.close()
        return Ended(self.task, code, out, err, seconds)

    def terminate(self) -> None:
        """Ask it to end."""
        with suppress(ProcessLookupError):
            self._process.terminate()

    def stop(self) -> None:
        """See that it has ended: asked before, it is given a minute."""
        try:
            self._process.wait(_GRACE)
        finally:
            with suppress(ProcessLookupError):
                self._process.kill()
            self._process.wait()


def execute(task: Task, environment: Mapping[str, str]) -> Ended:
    """Execute a task here and wait for it; it ends when the waiting is interrupted."""
    child = Child(task, environment)
    try:
        while child.running:
            time.sleep(_LOOK)  # Ray interrupts between two statements, not within one that waits
        return child.ended()
    finally:
        child.terminate()
        child.stop()


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _tail(descriptor: int) -> str:
    size = os.fstat(descriptor).st_size
    return os.pread(descriptor, _KEPT, max(0, size - _KEPT)).decode(errors="replace")
