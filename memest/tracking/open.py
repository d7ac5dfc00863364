"""Opening a run by its key: find what is done, keep two trainers apart, adopt what `mlflow run` made.

Depends on the ground floor, `store`, and mlflow.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from memest.errors import BusyError, MemestError
from memest.tracking.client import connect, experiment_id, get_run, tracking_uri
from memest.tracking.run import SEALED, About, LocalRun, MlflowRun, Run

if TYPE_CHECKING:
    from mlflow import MlflowClient

OFF = "off"
_GIVEN = "MLFLOW_RUN_ID"


def home() -> Path:
    """Where runs keep their working files: `MEMEST_HOME`, else `.memest` in the working directory."""
    return Path(os.environ.get("MEMEST_HOME", ".memest"))


@dataclass(frozen=True)
class Opened:
    """A run to work in, or one that is done already.

    Attributes:
        run: where to put results; for a run that is done, where they are.
        done: the same configuration was finished before: there is nothing to do.
        folder: for working files of this configuration on this machine.
    """

    run: Run
    done: bool
    folder: Path


@contextmanager
def open_run(about: About, tracking: str, experiment: str) -> Iterator[Opened]:
    """The run of `about.key`, begun unless it is done; ended as failed if the block raises.

    Args:
        about: what the run is about.
        tracking: `off`, a tracking URI, or `auto` for `MLFLOW_TRACKING_URI`.
        experiment: used unless `mlflow run` gave a run, which lies in an experiment already.

    Raises:
        BusyError: another process on this machine works on the same configuration.
    """
    place = None if tracking == OFF else _Place.find(tracking, experiment)
    folder = home() / "runs" / about.key[:20]
    with _lock(folder):
        opened = _tracked(about, folder, place) if place else _local(folder)
        if opened.done:
            yield opened
            return
        try:
            opened.run.begin(about)
            yield opened
        except BaseException as error:
            with _server_may_be_gone():
                opened.run.fail(reason(error), killed=isinstance(error, KeyboardInterrupt))
            raise


def reason(error: BaseException) -> str:
    """An error in one line: the message of our own, type and message of others."""
    text = " ".join(str(error).split())
    return text if isinstance(error, MemestError) else f"{type(error).__name__}: {text}"


def mark_refused(message: str) -> None:
    """Tag the run that `mlflow run` made before it called us with why nothing was done in it."""
    run_id = os.environ.get(_GIVEN)
    if run_id:
        with _server_may_be_gone():
            client = connect(tracking_uri(), existing=True)
            if _unused(client, run_id):
                MlflowRun(client, run_id, _cache()).fail(message)


@contextmanager
def several_runs() -> Iterator[Callable[[str], None]]:
    """A block that makes runs of its own, although `mlflow run` may have given one run for all of it.

    Yields:
        what to call with the id of the run that holds the outcome: the given run becomes its ticket.
    """
    given = os.environ.pop(_GIVEN, None)

    def conclude(run_id: str) -> None:
        if given:
            _make_ticket(connect(tracking_uri()), given, run_id)

    try:
        yield conclude
    finally:
        if given:
            os.environ[_GIVEN] = given


@dataclass(frozen=True)
class _Place:
    """Where a run goes: a server, an experiment, and the run that `mlflow run` gave, if still unused."""

    client: MlflowClient
    experiment: str
    given: str | None

    @classmethod
    def find(cls, tracking: str, experiment: str) -> _Place:
        client = connect(tracking_uri() if tracking == "auto" else tracking)
        given = os.environ.get(_GIVEN)
        if given is None:
            return cls(client, experiment_id(client, experiment), None)
        where = get_run(client, given).info.experiment_id
        return cls(client, where, given if _unused(client, given) else None)


def _unused(client: MlflowClient, run_id: str) -> bool:
    """Whether a run has not been worked in before."""
    return "memest.state" not in get_run(client, run_id).data.tags


def _cache() -> Path:
    return home() / "cache"


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
    return Opened(run, done=run.sealed, folder=folder)


def _tracked(about: About, folder: Path, place: _Place) -> Opened:
    client, given = place.client, place.given
    sealed = _sealed(client, place.experiment, about)
    if sealed:
        if given and given != sealed:
            _make_ticket(client, given, sealed)
        return Opened(MlflowRun(client, sealed, _cache()), done=True, folder=folder)
    run_id = given or client.create_run(place.experiment, run_name=about.name).info.run_id
    return Opened(MlflowRun(client, run_id, _cache()), done=False, folder=folder)


def _sealed(client: MlflowClient, experiment: str, about: About) -> str | None:
    wanted = {"stage": about.stage, "key": about.key, "state": SEALED}
    query = " and ".join(f"tags.`memest.{name}` = '{value}'" for name, value in wanted.items())
    found = client.search_runs([experiment], query, max_results=1)
    return str(found[0].info.run_id) if found else None


def _make_ticket(client: MlflowClient, run_id: str, sealed: str) -> None:
    """`mlflow run` always makes a new run; this one only points at the run that holds the work."""
    client.set_tag(run_id, "memest.ticket_of", sealed)
    client.set_tag(run_id, "mlflow.note.content", f"Already done: see run {sealed}.")
    client.set_terminated(run_id, "FINISHED")


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
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
