"""The tasks of a sweep on a Ray cluster.

A node executes a task as it would by hand: memest must be installed there, the tracking server be
reachable, and files that a dataset names by path be at that path. Ray itself brings a task whose node was
lost to another one.
"""

from __future__ import annotations

import logging
import math
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from memest.errors import SettingError
from memest.grammar.values import Index, NonNegative, Positive
from memest.outcome import Outcome
from memest.sweep.engines import ENGINES, Engine, thread_limits
from memest.sweep.task import Result, Task, cores, execute

_CONNECT = 10.0
_ANSWER = 60.0
"""Seconds until a cluster that does not answer is given up."""
_GRACE = 90.0
_LOST = 3
"""Times that a task may lose its node."""
_log = logging.getLogger(__name__)
_QUIET: dict[str, Any] = {"logging_level": "ERROR", "log_to_driver": False}


class Cluster:
    """A Ray cluster that this process is connected to.

    Args:
        ray: the module, connected.
        jobs: at a time; 0: as many as the cluster has room for.
        cpus: of each, in cores.
        gpus: of each.
    """

    def __init__(self, ray: Any, jobs: int, cpus: float, gpus: float) -> None:
        self._ray, self._jobs = ray, jobs
        self._cpus, self._gpus = cpus, gpus
        needs = {"num_cpus": cpus, "num_gpus": gpus, "max_retries": _LOST}
        self._execute = ray.remote(**needs)(_execute)
        self._environment = thread_limits(0, int(cpus))
        self._running: dict[Any, Task] = {}

    @property
    def slots(self) -> int:
        """How many tasks the cluster has room for now: nodes come and go. None once it was left."""
        if not self._ray.is_initialized():
            return 0
        there = self._ray.cluster_resources()
        room = there.get("CPU", 0) / self._cpus
        if self._gpus:
            room = min(room, there.get("GPU", 0) / self._gpus)
        return min(self._jobs or sys.maxsize, max(1, int(room)))

    def start(self, task: Task) -> None:
        """Hand a task to the cluster."""
        self._running[self._execute.remote(task, self._environment)] = task

    def finished(self, seconds: float) -> list[Result]:
        """The tasks that have finished; one that the cluster could not execute has failed."""
        if not self._running:
            time.sleep(seconds)
            return []
        over, _ = self._ray.wait(list(self._running), num_returns=1, timeout=seconds)
        return [self._result(reference) for reference in over]

    def stop(self) -> None:
        """End what still runs, wait for it, and leave the cluster."""
        for reference in self._running:
            self._ray.cancel(reference)
        if self._running:
            references = list(self._running)
            self._ray.wait(references, num_returns=len(references), timeout=_GRACE)
        self._running.clear()
        self._ray.shutdown()

    def _result(self, reference: Any) -> Result:
        task = self._running.pop(reference)
        try:
            result: Result = self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            message = f"Ray did not execute it: {' '.join(str(error).split())}"
            return Result(task, Outcome("failed", 1, message=message), 0.0)
        return result


@ENGINES.register
def ray(
    present: int,
    *,
    address: str = "local",
    jobs: Index = 0,
    cpus: Positive = 1.0,
    gpus: NonNegative = 0.0,
) -> Engine:
    """A Ray cluster.

    Args:
        present: GPUs of this machine; the cluster knows its own.
        address: `local` for a cluster of this machine alone, `auto`, or `host:port` of one that runs.
        jobs: tasks at a time; 0: as many as there is room for.
        cpus: cores of each task; also its threads at most.
        gpus: of each task; 0.5 puts two on one GPU.

    Raises:
        SettingError: ray is not installed, no cluster answers at the address, or this machine alone has too
            few GPUs for one task.
    """
    try:
        import ray as module
    except ImportError as error:
        raise SettingError(
            "--engine ray needs the package ray, which is not installed here: pip install 'memest[ray]', or "
            "use --engine local"
        ) from error
    resources: dict[str, Any] = {}
    if address == "local":
        if gpus > present:
            raise SettingError(
                f"--engine ray(gpus={gpus:g}): this machine has {present} GPUs; give --address of a cluster "
                "that has more, or leave gpus out"
            )
        resources |= {"num_cpus": max(cores(), math.ceil(cpus)), "include_dashboard": False}
    else:
        _require_answer(address)
    with _own_signals():
        module.init(address=address, **resources, **_QUIET)
    if not _held_somewhere(_nodes(module), cpus, gpus):
        _log.warning(
            "no node of the cluster has %g cores and %g GPUs now: the runs wait until one joins", cpus, gpus
        )
    return Cluster(module, jobs, cpus, gpus)


def _execute(task: Task, environment: Mapping[str, str]) -> Result:
    """Execute a task on a node.

    Ray cancels it by an interrupt, which a process that was started in a shell's background ignores.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    return execute(task, environment)


def _nodes(ray: Any) -> list[Mapping[str, Any]]:
    return list(ray.nodes())


def _held_somewhere(nodes: Iterable[Mapping[str, Any]], cpus: float, gpus: float) -> bool:
    """Whether one task fits a node that is there; nodes come and go, so this is no reason to refuse it."""
    there = [node["Resources"] for node in nodes if node["Alive"]]
    return any(node.get("CPU", 0) >= cpus and node.get("GPU", 0) >= gpus for node in there)


def _require_answer(address: str) -> None:
    """Connect from a process that can be given up: a cluster that is gone keeps Ray waiting for minutes.

    Raises:
        SettingError: nothing answers in time.
    """
    remedy = "see that the cluster runs (ray status), or leave --address out for one of this machine alone"
    try:
        _knock(address)
        code = "import ray, sys; ray.init(address=sys.argv[1], logging_level='ERROR', log_to_driver=False)"
        subprocess.run(
            [sys.executable, "-c", code, address], check=True, capture_output=True, text=True, timeout=_ANSWER
        )
    except (OSError, ValueError) as error:
        raise SettingError(f"no Ray cluster answers at {address!r} ({error}); {remedy}") from error
    except subprocess.TimeoutExpired as error:
        raise SettingError(
            f"the Ray cluster at {address!r} did not answer within {_ANSWER:.0f} s; {remedy}"
        ) from error
    except subprocess.CalledProcessError as error:
        said = (error.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise SettingError(f"no Ray cluster answers at {address!r} ({said}); {remedy}") from error


def _knock(address: str) -> None:
    """Open a connection to a `host:port`, at once or not at all."""
    place = urlsplit(address if "://" in address else f"//{address}")
    if place.hostname and place.port:
        socket.create_connection((place.hostname, place.port), timeout=_CONNECT).close()


@contextmanager
def _own_signals() -> Iterator[None]:
    """Ray takes signals for itself when it starts a cluster: the command line's handlers are put back."""
    before = {kind: signal.getsignal(kind) for kind in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            for kind, handler in before.items():
                signal.signal(kind, handler)
