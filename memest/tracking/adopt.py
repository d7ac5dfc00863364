"""Making a run on a server for a journal that was written without one."""

from __future__ import annotations

import json
import socket
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memest.errors import JournalError, NoRunsError
from memest.files import write_whole
from memest.tracking.client import answering, bare, get_run
from memest.tracking.experiments import experiment_id
from memest.tracking.find import sealed_run
from memest.tracking.heartbeat import HEARTBEAT, HOST, now
from memest.tracking.journal import STATE, Head, Journal, Local, read_head
from memest.tracking.limits import Limits
from memest.tracking.place import home
from memest.tracking.run import hidden, tag
from memest.tracking.send import is_whole

if TYPE_CHECKING:
    from mlflow import MlflowClient


def adopt(client: MlflowClient, journal: Journal, limits: Limits) -> tuple[str, bool]:
    """The id of the run on the server that a journal goes to, and whether it is finished and whole there.

    A run that an earlier delivery made is gone on with; a finished run of the same key takes its place;
    otherwise one is made, which began when the work began.
    """
    with answering(str(client.tracking_uri)):
        run = _begun(client, journal)
        if run is None:
            tags, local = _tags(journal), journal.head.local
            assert local is not None
            experiment = experiment_id(client, local.experiment)
            run = sealed_run(client, experiment, tags[tag("stage")], str(hidden(tags, "key")))
            run = run or _make(client, experiment, journal, tags, local)
            _point(client, journal, run.info.run_id)
        return str(run.info.run_id), is_whole(run)


def _begun(client: MlflowClient, journal: Journal) -> Any | None:
    """The run that an earlier delivery to this server made, if it is still there."""
    head = journal.head
    if not head.run_id or head.uri != bare(str(client.tracking_uri)):
        return None
    try:
        run = get_run(client, head.run_id)
    except NoRunsError:
        return None
    return run if run.info.lifecycle_stage == "active" else None


def _tags(journal: Journal) -> dict[str, str]:
    """All tags that the run has at its end."""
    tags: dict[str, str] = {}
    for entry, _ in journal.after(0):
        tags |= entry["values"] if entry["kind"] == "tags" else {}
    return tags


def _make(client: MlflowClient, experiment: str, journal: Journal, tags: dict[str, str], local: Local) -> Any:
    first = {name: value for name, value in tags.items() if name.startswith(("mlflow.user", "mlflow.source"))}
    first |= {tag("stage"): tags[tag("stage")], tag("key"): str(hidden(tags, "key"))}
    first |= {HOST: socket.gethostname(), STATE: "running", HEARTBEAT: now()}
    if parent := _parent(client, journal, local):
        first["mlflow.parentRunId"] = parent
    return client.create_run(experiment, local.began, tags=first, run_name=tags["mlflow.runName"])


def _point(client: MlflowClient, journal: Journal, run_id: str) -> None:
    """Let the journal go to this run from now on, from its first entry."""
    head = replace(journal.head, run_id=run_id, uri=bare(str(client.tracking_uri)))
    (journal.folder / "position").unlink(missing_ok=True)
    write_whole(journal.folder / "head.json", json.dumps(asdict(head)).encode())


def _parent(client: MlflowClient, journal: Journal, local: Local) -> str:
    """The id on this server of the run that a run lies under; empty: there is none."""
    uri = bare(str(client.tracking_uri))
    heads = _heads(journal.folder.parent.parent) + _heads(home() / "runs") if local.parent else []
    return next((h.run_id for h in heads if h.local and h.local.id == local.parent and h.uri == uri), "")


def _heads(folder: Path) -> list[Head]:
    found = []
    for path in sorted(folder.rglob("head.json")):
        try:
            found.append(read_head(path.parent))
        except JournalError:
            continue
    return found
