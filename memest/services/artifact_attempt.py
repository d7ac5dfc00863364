"""One artifact into a run and back, as a process of its own that writes into a file which step begins.

    python -m memest.services.artifact_attempt FILE        # on MLFLOW_TRACKING_URI

Each line of the file is a JSON object: `step`, with its name, as it begins; at the end `done`, with what was
done in words, or `failed`, with the reason.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

EXPERIMENT = "memest-doctor"
SMALL, LARGE = 1000, 100_000
"""Bytes of the two artifacts: a route that takes the one and not the other is slow."""


def attempt(uri: str, begin: Callable[[str], None]) -> str:
    """Log, read back, compare, and clean up; what was done, in words.

    Args:
        uri: of the tracking server, or of a SQLite store.
        begin: called with the name of each step as it begins.

    Raises:
        MemestError: the server cannot be used.
        RuntimeError: other bytes came back.
    """
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    from memest.tracking import connect, experiment_id

    begin("run")
    client = connect(uri)
    run = client.create_run(experiment_id(client, EXPERIMENT), run_name=EXPERIMENT)
    root, run_id = run.info.artifact_uri, run.info.run_id
    try:
        for step, size in (("small", SMALL), ("large", LARGE)):
            begin(step)
            _there_and_back(client, run_id, size)
        begin("end")
        repository: Any = get_artifact_repository(root, tracking_uri=uri)
        repository.delete_artifacts("probe.bin")
    finally:
        client.set_terminated(run_id)
        client.delete_run(run_id)
    return f"{LARGE} bytes into {_kind(root)} and back, the same"


def _there_and_back(client: Any, run_id: str, size: int) -> None:
    content = secrets.token_bytes(size)
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "probe.bin"
        path.write_bytes(content)
        client.log_artifact(run_id, str(path))
        path.unlink()
        came = Path(client.download_artifacts(run_id, "probe.bin", scratch)).read_bytes()
    if came != content:
        raise RuntimeError(f"{len(content)} bytes came back as {len(came)} others")


def _kind(root: str) -> str:
    scheme = urlsplit(root).scheme
    return "a folder" if scheme in ("", "file") else scheme


def _write(file: Path, kind: str, text: str) -> None:
    with file.open("a") as lines:
        lines.write(json.dumps({kind: text}) + "\n")


if __name__ == "__main__":
    write = partial(_write, Path(sys.argv[1]))
    try:
        write("done", attempt(os.environ["MLFLOW_TRACKING_URI"], partial(write, "step")))
    except Exception as error:  # whatever MLflow or a store raises is the finding
        write("failed", " ".join(f"{type(error).__name__}: {error}".split()))
        sys.exit(1)
