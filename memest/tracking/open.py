"""Opening a run by its key: find what is done, take up what died, keep two trainers apart, adopt what
`mlflow run` made.

Opening talks to the server; from then on only the delivery and the heartbeat thread do, until the run ends.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from memest.errors import BusyError, MemestError, PrunedError, masked
from memest.store.artifacts import run_blobs
from memest.store.blobs import Blobs
from memest.tracking.client import answering, bare, connect, server_may_be_gone, tracking_uri
from memest.tracking.experiments import check_named, experiment_id, experiment_name, prepare_experiment
from memest.tracking.find import Found, find
from memest.tracking.given import given_run, make_ticket, unused
from memest.tracking.heartbeat import HEARTBEAT, HOST, now
from memest.tracking.journal import STATE, Head, Journal
from memest.tracking.limits import Limits
from memest.tracking.local_run import FOLDER, LocalRun
from memest.tracking.mlflow_run import MlflowRun
from memest.tracking.place import alone, home
from memest.tracking.resume import ResumePoint
from memest.tracking.run import PARENT, About, DoneRun, Run, is_local, origin_tags, tag
from memest.tracking.view import where_to_look

if TYPE_CHECKING:
    from mlflow import MlflowClient


@dataclass(frozen=True)
class Opened:
    """A run to work in, or one that is done already.

    Attributes:
        run: where to put results; for a run that is done, where they are.
        done: the same configuration was finished before: there is nothing to do.
        about: what it is about.
        resume: the point from which the run goes on, if it died before.
        look: how its experiment is looked at, an address or a command; empty where there is no MLflow.
    """

    run: Run
    done: bool
    about: About
    resume: ResumePoint
    look: str = ""


@contextmanager
def open_run(about: About, tracking: str, experiment: str) -> Iterator[Opened]:
    """The run of `about.key`, begun unless it is done; ended as failed if the block raises.

    Leaving the block waits for delivery.

    Args:
        about: what the run is about.
        tracking: a tracking URI, `auto` for `MLFLOW_TRACKING_URI`, or `offline` for this machine alone.
        experiment: a name, or `auto` for the environment's; used unless `mlflow run` gave a run, which lies
            in an experiment already.

    Raises:
        BusyError: another process works on the same configuration in the same experiment.
        UndeliveredError: the work is done, and server or store did not take all of it in time.
    """
    place = None if is_local(tracking) else _Place.find(tracking, experiment)
    folder = home() / "runs" / (about.key[:20] + (place.mark if place else ""))
    with alone(folder):
        opened = _open_on_server(about, folder, place) if place else _local(about, folder, experiment)
        if opened.done:
            yield opened
            return
        try:
            opened.run.begin(about)
            yield opened
        except BaseException as error:
            with server_may_be_gone():
                opened.run.fail(reason(error), ended_as(error))
            if isinstance(error, PrunedError):
                opened.resume.clear()
            raise
        opened.run.close()
        opened.resume.clear()


def reason(error: BaseException) -> str:
    """An error in one line, without credentials: the message of our own, type and message of others."""
    text = masked(" ".join(str(error).split()))
    return text if isinstance(error, MemestError) else f"{type(error).__name__}: {text}"


def ended_as(error: BaseException) -> str:
    """The state of a run that an error ended."""
    if isinstance(error, PrunedError):
        return "pruned"
    if isinstance(error, BusyError):
        return "busy"
    return "killed" if isinstance(error, KeyboardInterrupt) else "failed"


@dataclass(frozen=True)
class _Place:
    """Where a run goes: a server, an experiment, and the run that `mlflow run` gave, if still unused."""

    client: MlflowClient
    experiment: str
    given: str | None

    @property
    def mark(self) -> str:
        """Sets apart what is the same configuration elsewhere: another server, or another experiment."""
        place = f"{bare(str(self.client.tracking_uri))} {self.experiment}"
        return "-" + hashlib.sha256(place.encode()).hexdigest()[:8]

    @classmethod
    def find(cls, tracking: str, experiment: str) -> _Place:
        uri = tracking_uri() if tracking == "auto" else tracking
        check_named(uri, experiment)
        client = connect(uri)
        with answering(str(client.tracking_uri)):
            given = given_run(client)
            if given is None:
                name = experiment_name(experiment, str(client.tracking_uri))
                return cls(client, experiment_id(client, name), None)
            prepare_experiment(client, client.get_experiment(given.info.experiment_id))
            return cls(client, given.info.experiment_id, given.info.run_id if unused(given) else None)


def _local(about: About, folder: Path, experiment: str) -> Opened:
    run = LocalRun(folder / FOLDER, experiment)
    if run.sealed:
        run.close()
        return Opened(DoneRun(run.id, run.blobs), True, about, run.resume)
    return Opened(run, False, about, run.resume)


def _open_on_server(about: About, folder: Path, place: _Place) -> Opened:
    uri = str(place.client.tracking_uri)
    with answering(uri):
        name = place.client.get_experiment(place.experiment).name
        return replace(
            _find_or_begin(about, folder, place), look=where_to_look(bare(uri), place.experiment, name)
        )


def _find_or_begin(about: About, folder: Path, place: _Place) -> Opened:
    """The run that answers `about.key` here: sealed, done and not delivered, dead, given, or else a new one.

    The first two are done; what was not delivered is delivered now. The others are claimed for this machine.
    """
    from mlflow.entities import RunTag

    client, limits, host = place.client, Limits.read(), socket.gethostname()
    journals, cache = folder / "journal", home() / "cache"
    found = find(client, place.experiment, about, journals, host, limits)
    if found and place.given not in (None, found.run_id):
        make_ticket(client, str(place.given), found.run_id)
    if found and found.sealed:
        shutil.rmtree(journals / found.run_id, ignore_errors=True)
        return _done(about, found.run_id, run_blobs(client, found.run_id, cache), cache)
    signs = {tag("stage"): about.stage, tag("key"): about.key, HOST: host}
    signs |= {STATE: "running", HEARTBEAT: now()}
    if parent := os.environ.get(PARENT):
        signs["mlflow.parentRunId"] = parent
    run_id = found.run_id if found else place.given or _create(client, place.experiment, about, signs)
    journal = Journal(journals / run_id, Head(run_id, bare(str(client.tracking_uri)), host), limits)
    if journal.sealed:  # all was done before, and not delivered
        waiting = MlflowRun(client, journal, cache, limits)
        waiting.close(patient=True)
        return _done(about, run_id, waiting.blobs, cache)
    if found:
        _learn_points(client, found, host, journal)
    client.log_batch(run_id, tags=[RunTag(name, value) for name, value in signs.items()])
    run = MlflowRun(client, journal, cache, limits, again=found is not None)
    return Opened(run, False, about, run.resume)


def _done(about: About, run_id: str, blobs: Blobs, cache: Path) -> Opened:
    run = DoneRun(run_id, blobs)
    return Opened(run, True, about, ResumePoint(cache, run.sync))


def _create(client: MlflowClient, experiment: str, about: About, signs: dict[str, str]) -> str:
    """A new run that can be found by its key from its first moment on."""
    tags = signs | origin_tags(about.stage)
    return str(client.create_run(experiment, tags=tags, run_name=about.name).info.run_id)


def _learn_points(client: MlflowClient, found: Found, host: str, journal: Journal) -> None:
    """What the metrics hold, unless the journal knows: if it is lost, or another machine worked on the run.

    Done before the run is claimed, so that a process that dies in between asks again.
    """
    if found.metrics and (journal.empty or found.host != host):
        histories = {name: client.get_metric_history(found.run_id, name) for name in found.metrics}
        journal.mark_known({name: [point.step for point in points] for name, points in histories.items()})
