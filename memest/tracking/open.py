"""Opening a run by its key: find what is done, take up what died, keep two trainers apart, adopt what
`mlflow run` made.

Opening talks to the server; from then on only the delivery thread does. Depends on `errors`, `store` and
mlflow.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from memest.errors import BusyError, MemestError, PrunedError, masked
from memest.store.artifacts import ArtifactBlobs
from memest.store.blobs import Blobs
from memest.tracking.client import answering, bare, connect, experiment_id, get_run, tracking_uri
from memest.tracking.delivery import HEARTBEAT, HOST, now
from memest.tracking.find import Found, find
from memest.tracking.journal import STATE, Head, Journal
from memest.tracking.limits import Limits
from memest.tracking.local_run import LocalRun
from memest.tracking.mlflow_run import MlflowRun
from memest.tracking.resume import ResumePoint
from memest.tracking.run import About, DoneRun, Run

if TYPE_CHECKING:
    from mlflow import MlflowClient

OFF = "off"
_GIVEN, _PARENT = "MLFLOW_RUN_ID", "MEMEST_PARENT_RUN"


def home() -> Path:
    """Where runs keep their working files: `MEMEST_HOME`, else `.memest` in the working directory."""
    return Path(os.environ.get("MEMEST_HOME", ".memest"))


@dataclass(frozen=True)
class Opened:
    """A run to work in, or one that is done already.

    Attributes:
        run: where to put results; for a run that is done, where they are.
        done: the same configuration was finished before: there is nothing to do.
        resume: the point from which the run goes on, if it died before.
    """

    run: Run
    done: bool
    resume: ResumePoint


@contextmanager
def open_run(about: About, tracking: str, experiment: str) -> Iterator[Opened]:
    """The run of `about.key`, begun unless it is done; ended as failed if the block raises.

    Leaving the block waits for delivery.

    Args:
        about: what the run is about.
        tracking: `off`, a tracking URI, or `auto` for `MLFLOW_TRACKING_URI`.
        experiment: used unless `mlflow run` gave a run, which lies in an experiment already.

    Raises:
        BusyError: another process works on the same configuration in the same experiment.
        UndeliveredError: the work is done, and server or store did not take all of it in time.
    """
    place = None if tracking == OFF else _Place.find(tracking, experiment)
    folder = home() / "runs" / (about.key[:20] + (place.mark if place else ""))
    with alone(folder):
        opened = _open_on_server(about, folder, place) if place else _local(folder)
        if opened.done:
            yield opened
            return
        try:
            opened.run.begin(about)
            yield opened
        except BaseException as error:
            with _server_may_be_gone():
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


def mark_refused(message: str) -> None:
    """Tag the run that `mlflow run` made before it called us with why nothing was done in it."""
    _conclude_given({"memest.error": message, STATE: "failed"}, "FAILED")


def mark_busy(message: str) -> None:
    """End the run that `mlflow run` made: another process does its work."""
    _conclude_given({"mlflow.note.content": message, STATE: "busy"}, "FINISHED")


def _conclude_given(tags: dict[str, str], status: str) -> None:
    run_id = os.environ.get(_GIVEN)
    if run_id:
        with _server_may_be_gone():
            client = connect(tracking_uri(), existing=True)
            if _unused(client, run_id):
                for name, value in tags.items():
                    client.set_tag(run_id, name, value)
                client.set_terminated(run_id, status)


@contextmanager
def several_runs() -> Iterator[Callable[[str], None]]:
    """A block that makes runs of its own, although `mlflow run` may have given one run for all of it.

    Yields:
        what to call with the id of the run that holds the outcome: the given run becomes its ticket.
    """
    given = os.environ.get(_GIVEN)

    def conclude(run_id: str) -> None:
        if given:
            _make_ticket(connect(tracking_uri()), given, run_id)

    with children_of(os.environ.get(_PARENT, "")):
        yield conclude


@contextmanager
def children_of(run_id: str) -> Iterator[None]:
    """A block whose runs the MLflow UI shows below a run; a run that `mlflow run` gave is not theirs.

    Args:
        run_id: of the parent; empty: there is none.
    """
    before = {name: os.environ.pop(name, None) for name in (_GIVEN, _PARENT)}
    os.environ |= {_PARENT: run_id} if run_id else {}
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            os.environ |= {name: value} if value is not None else {}


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
        client = connect(tracking_uri() if tracking == "auto" else tracking)
        given = os.environ.get(_GIVEN)
        with answering(str(client.tracking_uri)):
            if given is None:
                return cls(client, experiment_id(client, experiment), None)
            where = get_run(client, given).info.experiment_id
            return cls(client, where, given if _unused(client, given) else None)


def _unused(client: MlflowClient, run_id: str) -> bool:
    """Whether a run has not been worked in before."""
    return "memest.state" not in get_run(client, run_id).data.tags


@contextmanager
def _server_may_be_gone() -> Iterator[None]:
    """Saying that something failed must not hide what failed.

    MLflow's errors are known by their module: a run that was kept out of MLflow must not import it here.
    """
    try:
        yield
    except Exception as error:
        ours = isinstance(error, (MemestError, OSError))
        if not ours and not type(error).__module__.startswith("mlflow"):
            raise


def _local(folder: Path) -> Opened:
    run = LocalRun(folder / "local")
    return Opened(run, run.sealed, run.resume)


def _open_on_server(about: About, folder: Path, place: _Place) -> Opened:
    with answering(str(place.client.tracking_uri)):
        return _tracked(about, folder, place)


def _tracked(about: About, folder: Path, place: _Place) -> Opened:
    from mlflow.entities import RunTag

    client, limits, host = place.client, Limits.read(), socket.gethostname()
    journals, cache = folder / "journal", home() / "cache"
    found = find(client, place.experiment, about, journals, host, limits)
    if found and place.given not in (None, found.run_id):
        _make_ticket(client, str(place.given), found.run_id)
    if found and found.sealed:
        shutil.rmtree(journals / found.run_id, ignore_errors=True)
        return _done(found.run_id, ArtifactBlobs(client, found.run_id, cache), cache)
    signs = {"memest.stage": about.stage, "memest.key": about.key, HOST: host}
    signs |= {STATE: "running", HEARTBEAT: now()}
    if parent := os.environ.get(_PARENT):
        signs["mlflow.parentRunId"] = parent
    run_id = found.run_id if found else place.given or _create(client, place.experiment, about.name, signs)
    journal = Journal(journals / run_id, Head(run_id, bare(str(client.tracking_uri)), host), limits)
    if journal.sealed:  # all was done before, and not delivered
        waiting = MlflowRun(client, journal, cache, limits)
        waiting.close(patient=True)
        return _done(run_id, waiting.blobs, cache)
    if found:
        _learn_points(client, found, host, journal)
    client.log_batch(run_id, tags=[RunTag(name, value) for name, value in signs.items()])
    run = MlflowRun(client, journal, cache, limits, again=found is not None)
    return Opened(run, False, run.resume)


def _done(run_id: str, blobs: Blobs, cache: Path) -> Opened:
    run = DoneRun(run_id, blobs)
    return Opened(run, True, ResumePoint(cache, run.sync))


def _create(client: MlflowClient, experiment: str, name: str, signs: dict[str, str]) -> str:
    """A new run that can be found by its key from its first moment on."""
    return str(client.create_run(experiment, tags=signs, run_name=name).info.run_id)


def _learn_points(client: MlflowClient, found: Found, host: str, journal: Journal) -> None:
    """What the metrics hold, unless the journal knows: if it is lost, or another machine worked on the run.

    Done before the run is claimed, so that whoever dies in between asks again.
    """
    if found.metrics and (journal.empty or found.host != host):
        histories = {name: client.get_metric_history(found.run_id, name) for name in found.metrics}
        journal.known({name: [point.step for point in points] for name, points in histories.items()})


def _make_ticket(client: MlflowClient, run_id: str, holder: str) -> None:
    """`mlflow run` always makes a new run; this one only points at the run that holds the work."""
    client.set_tag(run_id, "memest.ticket_of", holder)
    client.set_tag(run_id, "mlflow.note.content", f"The work is in run {holder}.")
    client.set_terminated(run_id, "FINISHED")


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """A block that one process of this machine at a time is in, for one folder.

    The lock is the operating system's and goes with the process, however that ends.

    Raises:
        BusyError: another is in it.
    """
    from filelock import FileLock, Timeout

    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / "lock", timeout=0):
            yield
    except Timeout as error:
        raise BusyError(
            f"another process is at work on this configuration (lock {folder / 'lock'}); wait for it, "
            "then run the same command again"
        ) from error
