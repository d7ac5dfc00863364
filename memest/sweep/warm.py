"""A task as a process that is forked from one in which torch and MLflow are imported: seconds sooner.

Each task still has a process of its own; the one they are forked from computes nothing. Not for GPUs, which
no process may have touched that is forked.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType

from memest.outcome import read_outcome
from memest.sweep.parent_watch import watch_parent
from memest.sweep.task import GRACE, Result, Task, tail, variables

IMPORTED = (
    "memest.cli",
    "memest.stages.train",
    "torch._dynamo",  # torch imports it when an optimizer is made
    "mlflow",
    "mlflow.store.tracking.sqlalchemy_store",
    "matplotlib.figure",
)
"""What every run imports, and takes seconds."""


class WarmChild:
    """A task that is being executed.

    Args:
        task: to execute.
        environment: added to the task's own, for the place it is executed at.
    """

    def __init__(self, task: Task, environment: Mapping[str, str]) -> None:
        self.task = task
        self._began = time.monotonic()
        self._folder = tempfile.TemporaryDirectory(prefix="memest-")
        self._file, self._errors = (Path(self._folder.name) / name for name in ("outcome.json", "errors"))
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(list(IMPORTED))
        arguments = (
            list(task.arguments),
            variables(task, environment, self._file),
            str(Path.cwd()),
            str(self._errors),
        )
        self._process = context.Process(target=_execute, args=arguments)
        with _without_main():
            self._process.start()

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.is_alive()

    def result(self) -> Result:
        """How it ended; waits for that."""
        self._process.join()
        seconds, code = time.monotonic() - self._began, self._process.exitcode or 0
        with self._folder:
            errors = ""
            with suppress(FileNotFoundError), self._errors.open("rb") as file:
                errors = tail(file.fileno())
            return Result(self.task, read_outcome(self._file, code, errors), seconds)

    def terminate(self) -> None:
        """Send SIGTERM."""
        self._process.terminate()

    def stop(self) -> None:
        """Wait a minute for its end, then kill it; `terminate` comes first."""
        try:
            self._process.join(GRACE)
        finally:
            self._process.kill()
            self._process.join()
            self._folder.cleanup()


def available() -> bool:
    """Whether this system can fork from a process that is kept for it."""
    return "forkserver" in multiprocessing.get_all_start_methods()


@contextmanager
def _without_main() -> Iterator[None]:
    """A block whose new processes do not import the program that starts them, which may have no guard."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _execute(arguments: Sequence[str], variables: Mapping[str, str], folder: str, errors: str) -> None:
    """What `python -m` would do with the arguments, in the process of a task."""
    os.setsid()  # a Ctrl-C in the terminal reaches the sweep, and it ends its runs
    os.environ.clear()
    os.environ.update(variables)
    for name, descriptor in ((os.devnull, 1), (errors, 2)):
        opened = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(opened, descriptor)
        os.close(opened)
    parent = multiprocessing.parent_process()
    if parent:
        watcher = threading.Thread(
            target=watch_parent, args=(parent.sentinel,), name="parent watch", daemon=True
        )
        watcher.start()
    if threads := variables.get("OMP_NUM_THREADS"):  # torch has read it when it was imported
        import torch

        torch.set_num_threads(int(threads))
    os.chdir(folder)
    sys.path.insert(0, folder)
    sys.argv = list(arguments)
    runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)
