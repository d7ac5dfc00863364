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

import torch

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


def writing_resume_point(epoch: int) -> Moment:
    """The resume point of an epoch is half written."""
    return lambda home: any(home.rglob("resume.pt.*partial")) and last_epoch(home) == epoch


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


def kill_at(
    process: subprocess.Popen[str],
    home: Path,
    moment: Moment,
    still: Moment = lambda home: True,
    seconds: float = 120,
) -> str:
    """kill -9 at a moment; what was on the disk then, in words.

    Args:
        process: of the run.
        home: its files.
        moment: when.
        still: what must hold of the files when the process is dead: that the moment was not over.

    Raises:
        MissedError: the process was faster.
        AssertionError: the process ended, or the time was over, before the moment came.
    """
    wait_for(moment, process, home, seconds)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    if process.returncode != -signal.SIGKILL or not still(home):
        raise MissedError(state(home))
    return state(home)


class MissedError(Exception):
    """The moment was over when the kill came: try again."""


def wait_for(moment: Moment, process: subprocess.Popen[str], home: Path, seconds: float = 120) -> None:
    """Until a run has come to a moment.

    Raises:
        MissedError: the run ended well, and the moment was not seen.
        AssertionError: the run failed, or the time was over, before it came.
    """
    deadline = time.monotonic() + seconds
    while not _has_come(moment, home):
        if process.poll() == 0:
            raise MissedError("the run ended before the moment was seen")
        assert process.poll() is None, f"ended before the moment: {process.stdout and process.stdout.read()}"
        assert time.monotonic() < deadline, "the moment did not come"
        time.sleep(0.0005)


def _has_come(moment: Moment, home: Path) -> bool:
    """Whether a run has come to a moment; its files come and go while they are looked at."""
    try:
        return moment(home)
    except FileNotFoundError:
        return False


def last_epoch(home: Path) -> int:
    """The last epoch whose metrics are in the journal; -1 for none."""
    steps = [e["step"] for e in lines(home) if e["kind"] == "metrics" and "scoring_seconds" in e["values"]]
    return max(steps, default=-1)


def saved_epoch(home: Path) -> int:
    """The epoch of the resume point; -1 where there is none."""
    for path in home.rglob("resume.pt"):
        training = torch.load(path, weights_only=True)["training"]
        return int(training["epoch"])
    return -1


def at_epoch(epoch: int, saved: int) -> Moment:
    """Metrics to `epoch`, resume point of `saved`."""
    return lambda home: (last_epoch(home), saved_epoch(home)) == (epoch, saved)


def saved(epoch: int) -> Moment:
    """The resume point of an epoch is on the disk."""
    return lambda home: last_epoch(home) >= epoch and saved_epoch(home) == epoch


def half_saved(epoch: int) -> Moment:
    """The resume point of an epoch is half on the disk, that of the epoch before whole."""
    before = at_epoch(epoch, epoch - 1)
    return lambda home: before(home) and any(home.rglob("resume.pt.*partial"))


def waits(name: str) -> Moment:
    """A blob is in the journal and not delivered."""

    def holds(home: Path) -> bool:
        end = 0
        for path in home.rglob("entries.jsonl"):
            for line in path.read_bytes().split(b"\n")[:-1]:
                end += len(line) + 1
                if json.loads(line).get("name") == name:
                    return delivered(home) < end
        return False

    return holds


def seal_waits(home: Path) -> bool:
    """The seal is in the journal and something is not delivered."""
    total = sum(path.stat().st_size for path in home.rglob("entries.jsonl"))
    return sealed(home) and delivered(home) < total


def delivered(home: Path) -> int:
    """How many bytes of the entries are delivered."""
    return next((int(path.read_text()) for path in home.rglob("position")), 0)


def state(home: Path) -> str:
    """Epochs with metrics, the resume point, and how much was delivered."""
    total = sum(path.stat().st_size for path in home.rglob("entries.jsonl"))
    if not total:
        return "no journal"
    last, saved = last_epoch(home), saved_epoch(home)
    epochs = f"metrics to epoch {last}" if last >= 0 else "no metrics"
    point = f"resume point of epoch {saved}" if saved >= 0 else "no resume point"
    return f"{epochs}, {point}, {delivered(home) / total:.0%} delivered"
