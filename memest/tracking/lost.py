"""Finished runs whose artifacts are gone: a folder that moved, a deleted `mlruns`, a bucket made anew."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from memest.errors import ArtifactsGoneError
from memest.store.artifacts import names_at
from memest.tracking.run import hidden

if TYPE_CHECKING:
    from mlflow import MlflowClient

_WITNESS = "config.json"
"""What every run keeps, from its beginning."""
_log = logging.getLogger(__name__)


def lost_runs(client: MlflowClient, runs: Iterable[Any]) -> set[str]:
    """Ids of those finished runs whose artifacts are not where MLflow says; one question for each folder.

    Where the store does not answer, nothing is known to be lost.

    Args:
        runs: as MLflow gives them.
    """
    folders: dict[str, list[Any]] = {}
    for run in runs:
        folders.setdefault(run.info.artifact_uri.partition(f"/{run.info.run_id}/")[0], []).append(run)
    return {run_id for folder, inside in folders.items() for run_id in _lost_in(client, folder, inside)}


def _lost_in(client: MlflowClient, folder: str, runs: list[Any]) -> set[str]:
    uri = str(client.tracking_uri)
    try:
        if len(runs) == 1:
            kept = _WITNESS in names_at(runs[0].info.artifact_uri, uri)
            return set() if kept else {runs[0].info.run_id}
        there = names_at(folder, uri)
    except Exception as error:  # whatever the client of the store raises
        _log.debug("the artifacts in %s cannot be listed: %s", folder, error)
        return set()
    return {run.info.run_id for run in runs} - there


def kept_runs(client: MlflowClient, runs: Sequence[Any]) -> list[Any]:
    """Finished runs that can be read: a run without artifacts is left out where it was made anew.

    Raises:
        ArtifactsGoneError: one was not made anew; says where its artifacts were expected.
    """
    lost = lost_runs(client, runs)
    kept = [run for run in runs if run.info.run_id not in lost]
    anew = {hidden(run.data.tags, "key") for run in kept}
    gone = [run for run in runs if run.info.run_id in lost and hidden(run.data.tags, "key") not in anew]
    if gone:
        raise ArtifactsGoneError(gone[0].info.run_id, gone[0].info.artifact_uri, len(gone))
    return kept


def warn_of_lost(run: Any) -> None:
    """Say that a finished run has lost its artifacts and is made anew."""
    _log.warning(
        "finished run %s has lost its artifacts (expected in %s): it is made anew as another run",
        run.info.run_id,
        run.info.artifact_uri,
    )
