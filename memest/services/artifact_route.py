"""The last link: an artifact goes into a run and comes back, whatever way MLflow takes.

MLflow reads its credentials from the environment of its process and may wait for minutes, so the attempt
is made by a process of its own, on `MLFLOW_TRACKING_URI`: a password in it is not for `ps` to show. The
process writes down which step begins, so that a route that stands still is told from one that is only slow.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from memest.services.artifact_attempt import LARGE, SMALL
from memest.services.links import BrokenLinkError
from memest.services.patience import patient
from memest.services.reach import Reach
from memest.tracking.lines import read_lines

STANDSTILL = 30.0
"""Seconds that one step may take; importing mlflow takes three to eight."""
LIMIT = 90.0
"""Seconds for all steps; a route that needs more is slow."""
SLOW = 5.0
"""Seconds for all steps, from which on it is said that the route is slow."""
_PAUSE = 0.05
"""Seconds between two looks at the file."""
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
    with tempfile.TemporaryDirectory() as scratch:
        steps, errors = Path(scratch) / "steps.jsonl", Path(scratch) / "errors"
        with errors.open("wb") as output:
            process = subprocess.Popen(
                [*command, str(steps)],
                env=environment,
                cwd=folder,
                stdout=subprocess.DEVNULL,
                stderr=output,
            )
        try:
            said, took = _followed(process, steps)
            stands_still = process.poll() is None
        finally:
            process.kill()
            process.wait()
        last = (errors.read_text(errors="replace").strip().splitlines() or ["no reason given"])[-1]
    if "done" in said:
        slow = took > patient(SLOW) and not reach.local
        return said["done"] + (f", slowly: {took:.0f} s; {_ONLY_SLOW}" if slow else "")
    if stands_still:
        return _late(reach, said["step"], took)
    raise BrokenLinkError(reach.hide(said.get("failed", last))[:300], _remedy(reach))


def _followed(process: subprocess.Popen[bytes], steps: Path) -> tuple[dict[str, str], float]:
    """What the attempt wrote last under `step`, `done` and `failed`; the seconds since mlflow was imported.

    Ends when the process does, when a step stands still, or when the time is over.
    """
    said, position = {"step": "mlflow"}, 0
    began = moved = time.monotonic()
    deadline = began + patient(LIMIT)
    while True:
        ended = process.poll() is not None  # asked before the file is read: nothing is missed
        for line, end in read_lines(steps, position, cut=False):
            said, position = said | line, end
            moved = time.monotonic()
            began = moved if line.get("step") == "run" else began
        if ended or time.monotonic() > min(moved + patient(STANDSTILL), deadline):
            return said, time.monotonic() - began
        time.sleep(_PAUSE)


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
