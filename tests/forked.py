"""`python -m module …` as a process that is forked from one with torch and MLflow imported: seconds sooner.

For tests that kill processes, stop them or let several work at once. Each has its own environment, folder and
output; how Python itself is started (`torchrun`, `mlflow run`, an installed `memest`) is tested elsewhere.
What such a process forks in turn, as a sweep does, comes from the same one with everything imported.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import signal
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from multiprocessing.forkserver import _forkserver
from pathlib import Path
from subprocess import TimeoutExpired
from types import ModuleType

from memest.sweep.warm import IMPORTED


class Forked:
    """A process, used like `subprocess.Popen`.

    Args:
        words: of `python -m`: a module and its arguments.
        environment: of the process; this one's if None.
        folder: it works in; this one's if None.
    """

    def __init__(
        self, words: Sequence[str], environment: Mapping[str, str] | None = None, folder: Path | None = None
    ) -> None:
        descriptor, name = tempfile.mkstemp(prefix="memest-said-")
        os.close(descriptor)
        self._said = Path(name)
        variables = dict(os.environ if environment is None else environment)
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([*IMPORTED, "forked"])
        main, sys.modules["__main__"] = sys.modules["__main__"], ModuleType("__main__")
        try:  # the process must not import pytest's
            _forkserver.ensure_running()
            given = (list(words), variables, str(folder or Path.cwd()), name, _forkserver._forkserver_address)
            self._process = context.Process(target=_execute, args=given)
            self._process.start()
        finally:
            sys.modules["__main__"] = main
        assert self._process.pid
        self.pid: int = self._process.pid

    @property
    def returncode(self) -> int | None:
        """How it ended; minus the signal if one ended it; None while it runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """`returncode`."""
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Its end, or TimeoutExpired."""
        deadline = None if timeout is None else time.monotonic() + timeout
        self._process.join(timeout)
        if self.returncode is None:
            assert deadline
            raise TimeoutExpired("forked", timeout or 0)
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, None]:
        """All that it printed, errors among it, once it has ended."""
        self.wait(timeout)
        return self.said, None

    @property
    def said(self) -> str:
        """What it has printed until now, errors among it."""
        return self._said.read_text(errors="replace")

    def send_signal(self, number: int) -> None:
        """Unless it has ended."""
        if self.returncode is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """SIGTERM."""
        self._process.terminate()

    def kill(self) -> None:
        """SIGKILL."""
        self._process.kill()


def _execute(words: Sequence[str], variables: Mapping[str, str], folder: str, said: str, server: str) -> None:
    os.setsid()
    _forkserver._forkserver_address = server
    _forkserver.ensure_running = lambda: None  # otherwise it would start another, and import everything anew
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background ignores it
    os.environ.clear()
    os.environ.update(variables)
    opened = os.open(said, os.O_WRONLY | os.O_APPEND)
    for descriptor in (1, 2):
        os.dup2(opened, descriptor)
    import torch

    torch.set_num_threads(int(variables.get("OMP_NUM_THREADS", 1)))
    os.chdir(folder)
    sys.path.insert(0, folder)
    sys.argv = list(words)
    runpy.run_module(words[0], run_name="__main__", alter_sys=True)
