"""Delivering what runs left behind on this machine. Depends on `errors`, `store` and mlflow."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path
from typing import Any

from memest.errors import BusyError, MemestError, SettingError, UndeliveredError
from memest.tracking.client import bare, connect, get_run, tracking_uri
from memest.tracking.delivery import HOST
from memest.tracking.find import refuse_living
from memest.tracking.journal import Head, Journal, read_head
from memest.tracking.limits import Limits
from memest.tracking.mlflow_run import MlflowRun
from memest.tracking.place import alone, home
from memest.tracking.send import whole


def deliver(folder: Path | None = None) -> str:
    """Deliver one journal, or every journal of this machine's runs; what was done, a line for each.

    Args:
        folder: of a journal, or any folder above it; by default all under `home()`.

    Raises:
        SettingError: there is no journal in `folder`.
        UndeliveredError: something could still not be delivered; the message holds all the lines.
    """
    journals = sorted(head.parent for head in (folder or home() / "runs").rglob("head.json"))
    if folder and not journals:
        raise SettingError(f"there is no journal of a run in {folder}; without --folder all are delivered")
    lines, failures = [], 0
    for journal in journals:
        try:
            lines.append(_deliver_one(journal))
        except MemestError as error:
            failures += not isinstance(error, BusyError)
            lines.append(f"{journal.name}: {error}")
    if failures:
        raise UndeliveredError("\n".join(lines))
    return "\n".join(lines) or f"nothing waits for delivery under {home() / 'runs'}"


def _deliver_one(folder: Path) -> str:
    head, limits = read_head(folder), Limits.read()
    with alone(_locked(folder)):
        if not (folder / "head.json").is_file():
            return f"{head.run_id}: another process delivered it just now"
        client = connect(_uri(head.uri), existing=True)
        run = get_run(client, head.run_id)
        if whole(run):
            shutil.rmtree(folder)
            return f"{head.run_id}: finished and whole already"
        _refuse_others(run, head, limits)
        journal = Journal(folder, head, limits)
        entries, size = journal.left
        MlflowRun(client, journal, home() / "cache", limits).close(patient=True)
        said = f"{head.run_id}: {entries} entries ({size / 1e6:.1f} MB) delivered"
        return said if journal.sealed else f"{said}; it died before its end: run its command again to go on"


def _locked(journal: Path) -> Path:
    """The folder whose lock a training process would hold; a journal that was moved holds its own."""
    return journal.parent.parent if journal.parent.name == "journal" else journal


def _refuse_others(run: Any, head: Head, limits: Limits) -> None:
    """Nothing, if the run is still the one that this journal is of.

    Raises:
        BusyError: it is at work on another machine.
        UndeliveredError: another machine took it up.
    """
    owner = run.data.tags.get(HOST, head.host)
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
