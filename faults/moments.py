"""Moments of a run, told from outside by what lies on the disk: when to kill, and what was there then."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Moment = Callable[[Path], bool]
"""Whether a run whose files lie under this folder has come to it."""


def lines(home: Path) -> list[dict[str, Any]]:
    """The journal's entries so far, a torn last one left out."""
    for path in home.rglob("entries.jsonl"):
        whole = path.read_bytes().split(b"\n")[:-1]
        return [json.loads(line) for line in whole]
    return []


def opened(home: Path) -> bool:
    """The run is open, nothing measured."""
    return any(home.rglob("entries.jsonl"))


def metrics_of(epoch: int) -> Moment:
    """The metrics of an epoch are in the journal, its resume point is not yet."""

    def reached(home: Path) -> bool:
        return any(
            entry["kind"] == "metrics" and entry["step"] == epoch and "scoring_seconds" in entry["values"]
            for entry in lines(home)
        )

    return reached


def resume_point(number: int) -> Moment:
    """The resume point has been replaced so many times."""
    seen: set[int] = set()

    def reached(home: Path) -> bool:
        for path in home.rglob("resume.pt"):
            seen.add(path.stat().st_mtime_ns)
        return len(seen) >= number

    return reached


def writing_resume_point(epoch: int) -> Moment:
    """The resume point of an epoch, or of a later one, is half written."""
    after = metrics_of(epoch)

    def reached(home: Path) -> bool:
        return any(home.rglob("resume.partial")) and after(home)

    return reached


def said(name: str) -> Moment:
    """A blob is in the journal."""

    def reached(home: Path) -> bool:
        return any(entry["kind"] == "blob" and entry["name"] == name for entry in lines(home))

    return reached


def sealed(home: Path) -> bool:
    """The journal says that the run is sealed."""
    return any(
        entry["kind"] == "tags" and entry["values"].get("memest.state") == "sealed" for entry in lines(home)
    )


def kill_at(process: subprocess.Popen[str], home: Path, moment: Moment, seconds: float = 120) -> str:
    """kill -9 at a moment; what was on the disk then, in words.

    Raises:
        AssertionError: the process ended, or the time was over, before the moment came.
    """
    deadline = time.monotonic() + seconds
    while not moment(home):
        assert process.poll() is None, f"ended before the moment: {process.stdout and process.stdout.read()}"
        assert time.monotonic() < deadline, "the moment did not come"
        time.sleep(0.0005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    return state(home)


def state(home: Path) -> str:
    """Epochs with metrics, the resume point, and how much was delivered."""
    entries = lines(home)
    steps = [e["step"] for e in entries if e["kind"] == "metrics" and "scoring_seconds" in e["values"]]
    point = "a resume point" if any(home.rglob("resume.pt")) else "no resume point"
    epochs = f"metrics to epoch {max(steps)}" if steps else "no metrics"
    total = sum(path.stat().st_size for path in home.rglob("entries.jsonl"))
    delivered = next((int(path.read_text()) for path in home.rglob("position")), 0)
    return f"{epochs}, {point}, {delivered / total:.0%} delivered" if total else "no journal"
