"""The last link: an artifact goes into a run and comes back, whatever way MLflow takes.

MLflow reads its credentials from the environment of its process and may wait for minutes, so the attempt
is made by a process of its own, `python -m memest.services.artifact_route`, on `MLFLOW_TRACKING_URI`: a
password in it is not for `ps` to show. It ends with exit code 0, or with the reason on its standard error.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from memest.services.links import BrokenLinkError
from memest.services.reach import Reach

EXPERIMENT = "memest-doctor"
LIMIT = 30.0
"""Seconds, of which importing mlflow takes three to eight."""
_QUICKLY = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",
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
        BrokenLinkError: it does not come back as it went.
    """
    command = [sys.executable, "-W", "ignore", "-m", "memest.services.artifact_route"]
    environment = {**reach.environment, **_QUICKLY, "MLFLOW_TRACKING_URI": uri}
    environment.pop("MLFLOW_RUN_ID", None)
    try:
        run = subprocess.run(
            command, env=environment, cwd=folder, capture_output=True, text=True, timeout=LIMIT, check=False
        )
    except subprocess.TimeoutExpired:
        raise BrokenLinkError(
            f"no artifact came back in {LIMIT:.0f} s",
            "the artifact root of the server is a store that does not answer from here: check it, or start "
            "the server with --artifacts proxied",
        ) from None
    if run.returncode:
        last = (run.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise BrokenLinkError(reach.hide(last)[:300], _remedy(reach))
    return run.stdout.strip()


def _remedy(reach: Reach) -> str:
    if not reach.tracking_uri:
        return "make this folder writable, or set MLFLOW_TRACKING_URI to a server"
    if not reach.s3_url:
        return (
            "set MLFLOW_S3_ENDPOINT_URL and AWS_* if artifacts go to S3 directly; else see the server's log"
        )
    return "look at the log of the MLflow server; its store must be the one these credentials are for"


def attempt(uri: str) -> str:
    """Log, read back, compare, and clean up; what was done, in words.

    Raises:
        MemestError: the server cannot be used.
        RuntimeError: other bytes came back.
    """
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    from memest.tracking import connect, experiment_id

    client, content = connect(uri), secrets.token_bytes(100_000)
    run = client.create_run(experiment_id(client, EXPERIMENT), run_name=EXPERIMENT)
    root, run_id = run.info.artifact_uri, run.info.run_id
    try:
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch) / "probe.bin"
            path.write_bytes(content)
            client.log_artifact(run_id, str(path))
            path.unlink()
            came = Path(client.download_artifacts(run_id, "probe.bin", scratch)).read_bytes()
        if came != content:
            raise RuntimeError(f"{len(content)} bytes came back as {len(came)} others")
        repository: Any = get_artifact_repository(root, tracking_uri=uri)
        repository.delete_artifacts("probe.bin")
    finally:
        client.set_terminated(run_id)
        client.delete_run(run_id)
    return f"{len(content)} bytes into {_kind(root)} and back, the same"


def _kind(root: str) -> str:
    scheme = urlsplit(root).scheme
    return "a folder" if scheme in ("", "file") else scheme


if __name__ == "__main__":
    try:
        sys.stdout.write(attempt(os.environ["MLFLOW_TRACKING_URI"]))
    except Exception as error:  # whatever MLflow or a store raises is the finding
        sys.exit(" ".join(f"{type(error).__name__}: {error}".split()))
