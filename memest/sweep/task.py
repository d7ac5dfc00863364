"""One run of a sweep as a process: the same command as by hand, in memory of its own.

A run that is killed, or crashes its process, affects no other; the same command again finds what it left.
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
from pathlib import Path

from memest.outcome import VARIABLE, Outcome, read_outcome

_WATCHED = (sys.executable, "-m", "memest.sweep.parent_watch")
_GIVEN = "MLFLOW_RUN_ID"
"""The run that `mlflow run` gave to the sweep is not for its runs."""
_KEPT = 20_000
GRACE = 60.0
"""Seconds between SIGTERM and SIGKILL."""
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
class Result:
    """How a task ended: its outcome, and the seconds it took."""

    task: Task
    outcome: Outcome
    seconds: float


class Child:
    """A task that is being executed.

    Args:
        task: to execute.
        environment: added to the task's own, for the place it is executed at.
    """

    def __init__(self, task: Task, environment: Mapping[str, str]) -> None:
        self.task = task
        self._began = time.monotonic()
        self._folder = tempfile.TemporaryDirectory(prefix="memest-")
        self._file = Path(self._folder.name) / "outcome.json"
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  # closed in `result`
        self._process = subprocess.Popen(
            [*_WATCHED, *task.arguments],
            env=variables(task, environment, self._file),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=self._errors,
            start_new_session=True,  # a Ctrl-C in the terminal reaches the sweep, and it ends its runs
        )

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def result(self) -> Result:
        """How it ended; waits for that."""
        code = self._process.wait()
        seconds = time.monotonic() - self._began
        with self._folder, self._errors:
            outcome = read_outcome(self._file, code, tail(self._errors.fileno()))
        if self._process.stdin:
            self._process.stdin.close()
        return Result(self.task, outcome, seconds)

    def terminate(self) -> None:
        """Send SIGTERM."""
        with suppress(ProcessLookupError):
            self._process.terminate()

    def stop(self) -> None:
        """Wait a minute for its end, then kill it; `terminate` comes first."""
        try:
            self._process.wait(GRACE)
        finally:
            with suppress(ProcessLookupError):
                self._process.kill()
            self._process.wait()


def execute(task: Task, environment: Mapping[str, str]) -> Result:
    """Execute a task here and wait for it; it ends when the waiting is interrupted."""
    child = Child(task, environment)
    try:
        while child.running:
            time.sleep(_LOOK)  # Ray interrupts between two statements, not within one that waits
        return child.result()
    finally:
        child.terminate()
        child.stop()


def variables(task: Task, environment: Mapping[str, str], outcome: Path) -> dict[str, str]:
    """The environment of a task's process: this one's, its own, its place's, and its outcome file."""
    ours = {name: value for name, value in os.environ.items() if name != _GIVEN}
    return {**ours, **task.environment, **environment, VARIABLE: str(outcome)}


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def tail(descriptor: int) -> str:
    """The end of an open file."""
    size = os.fstat(descriptor).st_size
    return os.pread(descriptor, _KEPT, max(0, size - _KEPT)).decode(errors="replace")
