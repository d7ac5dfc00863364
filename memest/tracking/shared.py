"""A run that several processes work under and none of them holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from memest.tracking.client import answering, get_run
from memest.tracking.delivery import briefly
from memest.tracking.journal import SEALED, STATE
from memest.tracking.journaled_run import ERROR, SHOWN
from memest.tracking.open import ended_as, reason

if TYPE_CHECKING:
    from mlflow import MlflowClient


@contextmanager
def at_work_under(client: MlflowClient, run_id: str, others: Callable[[], bool]) -> Iterator[None]:
    """A block of work under a run that is open: shown as running from its beginning.

    If the block raises, the run is ended as a run of its own would be, unless others go on.

    Args:
        others: whether another process is at work under it.

    Raises:
        InputError: the server refuses, or is gone.
    """
    with answering(str(client.tracking_uri)):
        if _state(client, run_id) not in ("running", SEALED):
            _tag(client, run_id, "running", "")
            client.update_run(run_id, status="RUNNING")
    try:
        yield
    except BaseException as error:
        briefly(partial(_end, client, run_id, error, others))
        raise


def _end(client: MlflowClient, run_id: str, error: BaseException, others: Callable[[], bool]) -> None:
    if _state(client, run_id) == "running" and not others():
        state = ended_as(error)
        _tag(client, run_id, state, reason(error)[:SHOWN])
        client.set_terminated(run_id, "FAILED" if state == "failed" else "KILLED")


def _state(client: MlflowClient, run_id: str) -> str | None:
    state: str | None = get_run(client, run_id).data.tags.get(STATE)
    return state


def _tag(client: MlflowClient, run_id: str, state: str, error: str) -> None:
    client.set_tag(run_id, ERROR, error)
    client.set_tag(run_id, STATE, state)
