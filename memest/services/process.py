"""Servers as processes: started apart from their parent, told from others that got the same number.

A server is a process group of its own. It is known by its number and the moment it started, and its
children by a random mark in their environment, so that a number the system has given to somebody else
meanwhile is neither mistaken for ours nor killed. The mark is drawn, and written down, before the start: a
command that is killed in between leaves no server that nobody knows of (where there is a `/proc`).
"""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_MARK = "MEMEST_SERVICE"


@dataclass(frozen=True)
class Launch:
    """How a server is started: secrets go into the environment or a private file, never the command."""

    command: Sequence[str]
    environment: Mapping[str, str]


@dataclass(frozen=True)
class Process:
    """A server that was started, or is about to be.

    Attributes:
        pid: of its first process, which is also the number of its group; 0: not known to be started.
        started: the moment it started, as the system words it.
        mark: a random word in the environment of all its processes.
    """

    pid: int
    started: str
    mark: str

    @classmethod
    def planned(cls) -> Process:
        """A server that is about to be started."""
        return cls(0, "", secrets.token_hex(8))

    def found(self) -> Process:
        """One that was only planned, with its number if it was started after all."""
        if self.pid or not _PROC.is_dir():
            return self
        leaders = [pid for pid in _every() if _group_of(pid) == pid and self._marked(pid)]
        return Process(leaders[0], _started(leaders[0]), self.mark) if leaders else self

    def alive(self) -> bool:
        """Whether its first process still runs."""
        return bool(self.started) and _started(self.pid) == self.started

    def members(self) -> list[int]:
        """Its processes that still run: the first one, known by its start, and its children, by the mark."""
        first = [self.pid] if self.alive() else []
        return first + [pid for pid in self._group() if pid != self.pid and self._marked(pid)]

    def stop(self, grace: float) -> None:
        """End the whole group: ask, wait up to `grace` seconds, then kill."""
        for sign, patience in ((signal.SIGTERM, grace), (signal.SIGKILL, 10.0)):
            if not self.pid or not self.members():
                return
            with suppress(ProcessLookupError):
                os.killpg(self.pid, sign)
            self._wait(patience)

    def _wait(self, seconds: float) -> None:
        """Until they are gone; one that is ending has no environment any more, and may hold its ports."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            ending = [pid for pid in self._group() if not _environment(pid)]
            if not ending and not self.members():
                return
            time.sleep(0.02)

    def _group(self) -> list[int]:
        return _group(self.pid) if self.pid and _PROC.is_dir() else []

    def _marked(self, pid: int) -> bool:
        return f"{_MARK}={self.mark}".encode() in _environment(pid)


def start(launch: Launch, folder: Path, log: Path, plan: Process) -> Process:
    """Start a planned server, which outlives this process, its output appended to `log`."""
    with os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as output:
        child = subprocess.Popen(
            launch.command,
            env=dict(launch.environment) | {_MARK: plan.mark},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return Process(child.pid, _started(child.pid), plan.mark)


def last_lines(log: Path, count: int = 15) -> str:
    """The end of a log, in whole lines: in half of one a password is not known as such."""
    if not log.is_file():
        return ""
    with log.open("rb") as file:
        skipped = file.seek(max(0, log.stat().st_size - 20_000))
        lines = file.read().decode(errors="replace").splitlines()
    return "\n".join(lines[1 if skipped else 0 :][-count:])


def _started(pid: int) -> str:
    """When a process started, in words that no other process of that number shares; empty: it is gone."""
    if _PROC.is_dir():
        fields = _stat(_PROC / str(pid))
        if not fields or _over(pid):
            return ""
        return f"{(_PROC / 'sys/kernel/random/boot_id').read_text().strip()}:{fields[19]}"
    asked = subprocess.run(
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    state, _, moment = asked.stdout.strip().partition(" ")
    return "" if state.startswith("Z") else moment.strip()


def _group(number: int) -> list[int]:
    """Every process of a group that is not merely waiting to be buried."""
    return [pid for pid in _every() if _group_of(pid) == number and not _over(pid)]


def _every() -> list[int]:
    """Every process on this machine."""
    return [int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit()]


def _group_of(pid: int) -> int:
    """The number of a process's group; 0 for one that is gone."""
    try:
        return os.getpgid(pid)
    except OSError:
        return 0


def _over(pid: int) -> bool:
    """Whether every thread has ended: while one has not, a killed server still holds its ports."""
    try:
        threads = [*(_PROC / str(pid) / "task").iterdir()]
    except OSError:
        return True
    return all((_stat(thread) or ["Z"])[0] in "ZX" for thread in threads)


def _stat(entry: Path) -> list[str]:
    """The fields after the name: state, parent, group, …, the twentieth the start in clock ticks."""
    try:
        return (entry / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _environment(pid: int) -> list[bytes]:
    try:
        return [*filter(None, (_PROC / str(pid) / "environ").read_bytes().split(b"\0"))]
    except OSError:
        return []
