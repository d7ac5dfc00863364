"""Delivering what runs left on this machine: what a server did not take, and runs made without one."""

from __future__ import annotations

import shutil
import socket
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memest.errors import BusyError, JournalError, MemestError, SettingError, UndeliveredError, looked_in
from memest.tracking.adopt import adopt
from memest.tracking.client import bare, connect, get_run, tracking_uri
from memest.tracking.find import refuse_living
from memest.tracking.journal import Head, Journal, read_head
from memest.tracking.limits import Limits
from memest.tracking.local_run import FOLDER
from memest.tracking.mlflow_run import MlflowRun
from memest.tracking.place import alone, home
from memest.tracking.run import hidden
from memest.tracking.send import is_whole

if TYPE_CHECKING:
    from mlflow import MlflowClient


def deliver(folder: Path | None = None) -> str:
    """Deliver one journal, or every journal of this machine that a server waits for; a line for each.

    Args:
        folder: of a journal, or any folder above it, whose runs that were made without a server are
            delivered too; by default all under `home()` but those.

    Raises:
        SettingError: there is no journal in `folder`.
        UndeliveredError: something could still not be delivered; the message holds all the lines.
    """
    journals = _journals(folder)
    lines, failures = [], 0
    for journal in journals:
        try:
            lines.append(_deliver_one(journal))
        except MemestError as error:
            failures += not isinstance(error, BusyError)
            lines.append(f"{journal}: {error}")
    if failures:
        raise UndeliveredError("\n".join(lines))
    return "\n".join(lines) or f"nothing waits for delivery under {home() / 'runs'}"


def _journals(folder: Path | None) -> list[Path]:
    """Folders of journals, those of runs before those that lie under them.

    Raises:
        SettingError: there are none in a folder that was named.
    """
    place = folder or home() / "runs"
    found = {head.parent: _head(head.parent) for head in sorted(place.rglob("head.json"))}
    if folder is None:
        return [journal for journal, head in found.items() if not (head and head.local)]
    if found:
        return sorted(found, key=lambda journal: _began(found[journal]))
    if list(folder.rglob("run.json")):
        raise SettingError(
            f"{folder} holds a run as an older memest kept it, which cannot be delivered: train it again"
        )
    if not folder.exists():
        raise SettingError(
            f"there is no folder {folder} {looked_in(folder)}; without --folder all are delivered"
        )
    raise SettingError(f"there is no journal of a run in {folder}; without --folder all are delivered")


def _head(journal: Path) -> Head | None:
    try:
        return read_head(journal)
    except JournalError:
        return None  # said when it is delivered


def _began(head: Head | None) -> int:
    return head.local.began if head and head.local else 0


def _deliver_one(folder: Path) -> str:
    head = read_head(folder)
    with alone(_locked(folder)):
        if not (folder / "head.json").is_file():
            return f"{head.run_id}: another process delivered it just now"
        head = read_head(folder)
        if head.local:
            return _deliver_local(folder, head)
        return _deliver_owed(connect(_uri(head.uri), existing=True), folder, head)


def _deliver_owed(client: MlflowClient, folder: Path, head: Head) -> str:
    """Deliver what a server waits for."""
    limits, run = Limits.read(), get_run(client, head.run_id)
    if is_whole(run):
        shutil.rmtree(folder)
        return f"{head.run_id}: finished and whole already"
    _refuse_others(run, head, limits)
    journal = Journal(folder, head, limits)
    said = _send(client, journal, limits)
    return said if journal.sealed else f"{said}; it died before its end: run its command again to go on"


def _deliver_local(folder: Path, head: Head) -> str:
    """Deliver a run that was made without a server, as a run like any other; its folder stays.

    Raises:
        UndeliveredError: it is not finished.
    """
    limits = Limits.read()
    journal = Journal(folder, replace(head, host=socket.gethostname()), limits)
    if not journal.sealed:
        journal.close()
        raise UndeliveredError("the run is not finished: run its command again, then deliver it")
    client = connect(tracking_uri())
    run_id, done = adopt(client, journal, limits)
    journal.close()
    if done:
        return f"{run_id}: finished and whole already"
    return _send(client, Journal(folder, read_head(folder), limits), limits)


def _send(client: MlflowClient, journal: Journal, limits: Limits) -> str:
    entries, size = journal.left
    run = MlflowRun(client, journal, home() / "cache", limits)
    run.close(patient=True)
    return f"{run.id}: {entries} entries ({size / 1e6:.1f} MB) delivered"


def _locked(journal: Path) -> Path:
    """The folder whose lock a training process would hold; a journal that was moved holds its own."""
    above = journal.parent.parent if journal.parent.name == "journal" else journal.parent
    inside = journal.parent.name == "journal" or journal.name == FOLDER
    return above if inside else journal


def _refuse_others(run: Any, head: Head, limits: Limits) -> None:
    """Nothing, if the run is still the one that this journal is of.

    Raises:
        BusyError: it is at work on another machine.
        UndeliveredError: another machine took it up.
    """
    owner = hidden(run.data.tags, "host") or head.host
    if owner != socket.gethostname():
        refuse_living(run, limits)
    if owner != head.host:
        raise UndeliveredError(
            f"run {head.run_id} is of {owner} now, which took it up after {head.host}: nothing is sent; "
            "let it be finished there, or run its command again here"
        )


def _uri(stored: str) -> str:
    """The journal's server; with the credentials that the environment gives for it, if it does."""
    given = tracking_uri()
    return given if bare(given) == stored else stored
