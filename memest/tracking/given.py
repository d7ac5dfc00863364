"""The run that `mlflow run` makes before it calls memest, and runs below one another."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from memest.errors import InputError, NoRunsError
from memest.tracking.client import bare, connect, get_run, server_may_be_gone, tracking_uri
from memest.tracking.experiments import DEFAULT, check_named
from memest.tracking.journal import STATE
from memest.tracking.journaled_run import ERROR
from memest.tracking.run import PARENT

if TYPE_CHECKING:
    from mlflow import MlflowClient

_GIVEN = "MLFLOW_RUN_ID"
_TICKET = "memest.ticket_of"
_OPEN = ("RUNNING", "SCHEDULED")


def given_run(client: MlflowClient) -> Any | None:
    """The run that `MLFLOW_RUN_ID` names; None if it names none.

    Raises:
        InputError: there is no such run, it was deleted, or it is a finished run of something else.
    """
    run_id = os.environ.get(_GIVEN)
    if not run_id:
        return None
    try:
        run = get_run(client, run_id)
    except NoRunsError as error:
        raise InputError(
            f"{_GIVEN} names run {run_id!r}, which is not at {bare(str(client.tracking_uri))}: unset "
            f"{_GIVEN} (mlflow run sets it itself), or set MLFLOW_TRACKING_URI to where the run is"
        ) from error
    if run.info.lifecycle_stage != "active":
        raise InputError(f"{_GIVEN} names run {run_id}, which was deleted: restore it, or unset {_GIVEN}")
    if not (unused(run) or {STATE, _TICKET} & run.data.tags.keys()):
        raise InputError(
            f"{_GIVEN} names run {run_id} ({run.info.run_name}), which has ended and is not memest's: it "
            f"stays as it is; unset {_GIVEN}"
        )
    return run


def unused(run: Any) -> bool:
    """Whether a run is open and no stage has worked in it."""
    return run.info.status in _OPEN and run.info.lifecycle_stage == "active" and STATE not in run.data.tags


def mark_refused(message: str) -> None:
    """Tag the run that `mlflow run` made before it called us with why nothing was done in it."""
    _conclude_given({ERROR: message, STATE: "failed"}, "FAILED")


def mark_busy(message: str) -> None:
    """End the run that `mlflow run` made: another process does its work."""
    _conclude_given({"mlflow.note.content": message, STATE: "busy"}, "FINISHED")


def _conclude_given(tags: dict[str, str], status: str) -> None:
    run_id = os.environ.get(_GIVEN)
    if run_id:
        with server_may_be_gone():
            client = connect(tracking_uri(), existing=True)
            if unused(get_run(client, run_id)):
                for name, value in tags.items():
                    client.set_tag(run_id, name, value)
                client.set_terminated(run_id, status)


@contextmanager
def several_runs() -> Iterator[Callable[[str], None]]:
    """A block that makes runs of its own, although `mlflow run` may have given one run for all of it.

    Yields:
        what to call with the id of the run that holds the outcome: the given run becomes its ticket.

    Raises:
        InputError: the given run cannot be one.
    """
    client = None
    if os.environ.get(_GIVEN):
        check_named(tracking_uri(), DEFAULT)
        client = connect(tracking_uri())
    given = client and given_run(client)

    def conclude(run_id: str) -> None:
        if client and given:
            make_ticket(client, given.info.run_id, run_id)

    with children_of(os.environ.get(PARENT, "")):
        yield conclude


@contextmanager
def children_of(run_id: str) -> Iterator[None]:
    """A block whose runs the MLflow UI shows below a run; a run that `mlflow run` gave is not theirs.

    Args:
        run_id: of the parent; empty: there is none.
    """
    before = {name: os.environ.pop(name, None) for name in (_GIVEN, PARENT)}
    os.environ |= {PARENT: run_id} if run_id else {}
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            os.environ |= {name: value} if value is not None else {}


def make_ticket(client: MlflowClient, run_id: str, holder: str) -> None:
    """`mlflow run` always makes a new run; this one only points at the run that holds the work."""
    client.set_tag(run_id, _TICKET, holder)
    client.set_tag(run_id, "mlflow.note.content", f"The work is in run {holder}.")
    client.set_terminated(run_id, "FINISHED")
