"""Runs that belong to another run: MLflow shows them under it. Depends on the standard library."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_tags: ContextVar[dict[str, str]] = ContextVar("tags of the parent", default={})  # noqa: B039 (never changed)


@contextmanager
def child_of(run_id: str, **tags: str) -> Iterator[None]:
    """A block in which every run that is begun, or taken up, lies under another; a finished one stays.

    Args:
        run_id: of the parent.
        tags: which of its children a run is, without the `memest.` prefix.
    """
    own = {f"memest.{name}": value for name, value in tags.items()}
    before = _tags.set({"mlflow.parentRunId": run_id} | own)
    try:
        yield
    finally:
        _tags.reset(before)


def parent_tags() -> dict[str, str]:
    """What ties a run to its parent; nothing, outside of `child_of`."""
    return _tags.get()
