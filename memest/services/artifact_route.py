"""The last link: an artifact goes into a run and comes back, whatever way MLflow takes.

MLflow reads its credentials from the environment of its process and may wait for minutes, so the attempt
is made by a process of its own, on `MLFLOW_TRACKING_URI`: a password in it is not for `ps` to show. The
process says which step begins, so that a route that stands still is told from one that is only slow.
"""

from __future__ import annotations

import queue
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import IO

from memest.services.artifact_attempt import LARGE, SMALL
from memest.services.links import BrokenLinkError
from memest.services.patience import patient
from memest.services.reach import Reach

STANDSTILL = 30.0
"""Seconds that one step may take; importing mlflow takes three to eight."""
LIMIT = 90.0
"""Seconds for all steps; a route that needs more is slow."""
SLOW = 5.0
"""Seconds for all steps, from which on it is said that the route is slow."""
_ONLY_SLOW = "training does not wait for it, artifacts arrive later"
_STEPS = {
    "mlflow": "to import mlflow: this machine is very busy, or its disk is slow",
    "run": "for the tracking server to make a run",
    "small": f"for an artifact of {SMALL} bytes to go and come back",
    "large": f"for an artifact of {LARGE} bytes to go and come back",
    "end": "for the tracking server to delete the run",
}
"""What is waited for in each step, as it begins."""
_QUICKLY = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "25",
    "AWS_MAX_ATTEMPTS": "1",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}


def artifact_route(reach: Reach, uri: str, folder: Path = Path()) -> str:
    """An artifact is logged, read back and compared; the run is deleted.

    Args:
        reach: the environment of the attempt.
        uri: of the tracking server, or of a SQLite store.
        folder: where a SQLite store puts its artifacts.

    Raises:
        BrokenLinkError: it does not come back as it went, or a step stands still.
    """
    command = [sys.executable, "-W", "ignore", "-m", "memest.services.artifact_attempt"]
    environment = {**reach.environment, **_QUICKLY, "MLFLOW_TRACKING_URI": uri}
    environment.pop("MLFLOW_RUN_ID", None)
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            command, env=environment, cwd=folder, stdout=subprocess.PIPE, stderr=errors, text=True
        )
        try:
            step, done, took = _followed(process)
            if done:
                slow = took > patient(SLOW) and not reach.local
                return done + (f", slowly: {took:.0f} s; {_ONLY_SLOW}" if slow else "")
            if process.poll() is None:
                return _late(reach, step, took)
        finally:
            process.kill()
            process.wait()
        errors.seek(0)
        last = (errors.read().strip().splitlines() or ["no reason given"])[-1]
    raise BrokenLinkError(reach.hide(last)[:300], _remedy(reach))


def _followed(process: subprocess.Popen[str]) -> tuple[str, str, float]:
    """The last step that began, what was said at the end, and the seconds since mlflow was imported.

    Ends when the process does, when a step stands still, or when the time is over.
    """
    lines: queue.Queue[str] = queue.Queue()
    threading.Thread(target=_read, args=[process.stdout, lines], daemon=True).start()
    step, done, began = "mlflow", "", time.monotonic()
    deadline = began + patient(LIMIT)
    with suppress(queue.Empty):
        while line := lines.get(timeout=max(0.1, min(patient(STANDSTILL), deadline - time.monotonic()))):
            word, _, rest = line.partition(" ")
            step, done = (step, rest) if word == "done" else (rest, "")
            began = time.monotonic() if step == "run" else began
        process.wait()
    return step, done, time.monotonic() - began


def _read(output: IO[str] | None, lines: queue.Queue[str]) -> None:
    """What a process says of its steps, line by line; an empty line at its end."""
    for line in output or ():
        if line.startswith(("step ", "done ")):
            lines.put(line.strip())
    lines.put("")


def _late(reach: Reach, step: str, took: float) -> str:
    """What it means that the attempt did not end.

    Raises:
        BrokenLinkError: a step stands still.
    """
    if step in ("large", "end"):
        return f"{SMALL} bytes there and back; {LARGE} bytes not within {took:.0f} s: slow, {_ONLY_SLOW}"
    busy = "a busy machine has more time with MEMEST_PATIENCE=5"
    if step == "mlflow" or reach.local:
        way_out = busy
    elif step == "run":
        way_out = f"look at the log of the MLflow server and at its database; {busy}"
    else:
        way_out = (
            "the artifact root of the server is a store that does not answer from here: check it, or start "
            "the server with --artifacts proxied"
        )
    raise BrokenLinkError(f"waited {took:.0f} s {_STEPS[step]}", way_out)


def _remedy(reach: Reach) -> str:
    if reach.local:
        return "make this folder writable, or set MLFLOW_TRACKING_URI to a server"
    if not reach.s3_url:
        return (
            "set MLFLOW_S3_ENDPOINT_URL and AWS_* if artifacts go to S3 directly; else see the server's log"
        )
    return "look at the log of the MLflow server; its store must be the one these credentials are for"
