"""A run that several processes work under and none of them holds. Depends on `open` and mlflow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from memest.tracking.client import get_run
from memest.tracking.journal import STATE
from memest.tracking.open import ended_as, reason, server_may_be_gone

if TYPE_CHECKING:
    from mlflow import MlflowClient

_ERROR = "memest.error"


@contextmanager
def at_work_under(client: MlflowClient, run_id: str, others: Callable[[], bool]) -> Iterator[None]:
    """A block of work under a run that is open: shown as running meanwhile.

    If the block raises, the run is ended as a run of its own would be, unless others go on.

    Args:
        others: whether another process is at work under it.
    """
    if _state(client, run_id) in ("killed", "failed"):
        _mark(client, run_id, "RUNNING", {STATE: "running", _ERROR: ""})
    try:
        yield
    except BaseException as error:
        with server_may_be_gone():
            if _state(client, run_id) == "running" and not others():
                state = ended_as(error)
                status = "FAILED" if state == "failed" else "KILLED"
                _mark(client, run_id, status, {STATE: state, _ERROR: reason(error)})
        raise


def _state(client: MlflowClient, run_id: str) -> str | None:
    state: str | None = get_run(client, run_id).data.tags.get(STATE)
    return state


def _mark(client: MlflowClient, run_id: str, status: str, tags: dict[str, str]) -> None:
    for name, value in tags.items():
        client.set_tag(run_id, name, value)
    if status == "RUNNING":
        client.update_run(run_id, status=status)
    else:
        client.set_terminated(run_id, status)
