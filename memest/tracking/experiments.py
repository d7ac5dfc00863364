"""Experiments: made once, kept where their database is, and shown in the UI on their training runs."""

from __future__ import annotations

import logging
import os
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from memest.errors import InputError, NoRunsError
from memest.tracking import view
from memest.tracking.client import alone_at, answering, bare, check_tracking, connect, database_file, get_run

if TYPE_CHECKING:
    from mlflow import MlflowClient

AUTO, DEFAULT = "auto", "memest"
_KIND = {"mlflow.experimentKind": "custom_model_development"}
"""What makes the UI open an experiment on its training runs."""
_log = logging.getLogger(__name__)


def experiment_id(client: MlflowClient, name: str) -> str:
    """The id of the experiment called `name`, made if there is none.

    An experiment of a SQLite file whose artifacts are no longer where they were is renamed, and its name is
    given to another beside the database: nothing is written to a place that was left.

    Raises:
        InputError: it was deleted in the UI and has to be restored first.
    """
    if not name.strip():
        raise InputError("an experiment needs a name; use --experiment memest")
    with alone_at(str(client.tracking_uri)):
        found = client.get_experiment_by_name(name)
        if found is not None and found.lifecycle_stage != "active":
            raise InputError(
                f"experiment {name!r} is deleted; restore it in the MLflow UI or use another name"
            )
        if found is not None and _left_behind(client, found):
            _rename(client, found)
            found = None
        found = found or _make(client, name)
    prepare_experiment(client, found)
    return str(found.experiment_id)


def existing_experiment(client: MlflowClient, name: str) -> str:
    """The id of the experiment called `name`, ready to be looked at.

    Raises:
        NoRunsError: there is none; the message names those that there are.
    """
    if client.get_experiment_by_name(name) is None:
        known = ", ".join(one.name for one in client.search_experiments(max_results=50))
        raise NoRunsError(f"there is no experiment {name!r} on this server (it has {known})")
    return experiment_id(client, name)


def prepare_experiment(client: MlflowClient, experiment: Any) -> None:
    """Let the UI show an experiment ready to compare, and warn where its artifacts lie apart."""
    for name, value in _KIND.items():
        if name not in experiment.tags:
            client.set_experiment_tag(experiment.experiment_id, name, value)
    view.offer(client, experiment)
    file, artifacts = database_file(str(client.tracking_uri)), local_path(experiment.artifact_location)
    if file and artifacts and not _beside(artifacts, file):
        _warn_apart(experiment.name, artifacts, file.absolute())


def look_at(uri: str, name: str) -> str:
    """How the experiment called `name` is looked at: see `view.look`."""
    return view.where_to_look(bare(uri), experiment_id(connect(uri), name), name)


def report_at(uri: str, run_id: str) -> str:
    """Where the report of a run is read: its address on a server, its file beside a database, else empty."""
    run = connect(uri).get_run(run_id)
    if uri.startswith(("http://", "https://")):
        return view.report_link(bare(uri), run.info.experiment_id, run_id)
    folder = local_path(run.info.artifact_uri)
    return (folder / view.REPORT).absolute().as_uri() if folder else ""


def check_named(uri: str, experiment: str) -> None:
    """Refuse names that mean nothing, before a SQLite file is made for them.

    Args:
        uri: where runs go.
        experiment: its name; `auto`: as the environment says.

    Raises:
        InputError: the name is blank, or the environment names a run or an experiment by an id that a
            database which is still to be made cannot hold.
    """
    blank = experiment == AUTO and os.environ.get("MLFLOW_EXPERIMENT_NAME", "x").isspace()
    if blank or not experiment.strip():
        raise InputError("an experiment needs a name; use --experiment memest")
    check_tracking(uri)
    file = database_file(uri)
    if file is None or file.is_file():
        return
    if run := os.environ.get("MLFLOW_RUN_ID"):
        raise InputError(
            f"MLFLOW_RUN_ID names run {run!r}, and there is no {uri} yet: unset MLFLOW_RUN_ID (mlflow run "
            "sets it itself), or set MLFLOW_TRACKING_URI to where the run is"
        )
    wanted = os.environ.get("MLFLOW_EXPERIMENT_ID", "")
    if experiment == AUTO and wanted not in ("", "0"):
        raise InputError(
            f"MLFLOW_EXPERIMENT_ID names experiment {wanted!r}, and there is no {uri} yet; unset it, or use "
            "--experiment"
        )


def experiment_of(uri: str, run_id: str) -> str:
    """The name of the experiment that a run lies in.

    Raises:
        InputError: the server refuses, or is gone.
    """
    client = connect(uri)
    with answering(uri):
        return str(client.get_experiment(get_run(client, run_id).info.experiment_id).name)


def experiment_named(uri: str) -> str | None:
    """The experiment that `MLFLOW_EXPERIMENT_NAME` or `MLFLOW_EXPERIMENT_ID` names; None if neither is set.

    Args:
        uri: of the server that knows the id.

    Raises:
        InputError: there is no experiment of that id, or id and name are of two.
    """
    name, wanted = os.environ.get("MLFLOW_EXPERIMENT_NAME"), os.environ.get("MLFLOW_EXPERIMENT_ID")
    if not wanted:
        return name or None
    check_named(uri, AUTO)
    from mlflow.exceptions import MlflowException

    try:
        found = str(connect(uri).get_experiment(wanted).name)
    except MlflowException as error:
        raise InputError(
            f"MLFLOW_EXPERIMENT_ID names experiment {wanted!r}, which is not there; unset it, or use "
            "--experiment"
        ) from error
    if name and name != found:
        raise InputError(
            f"MLFLOW_EXPERIMENT_ID names experiment {found!r} and MLFLOW_EXPERIMENT_NAME {name!r}: unset one"
        )
    return found


def experiment_name(wanted: str, uri: str) -> str:
    """The experiment that `--experiment` means; `auto` is the one that the environment names, else `memest`.

    Raises:
        InputError: see `experiment_named`.
    """
    return wanted if wanted != AUTO else experiment_named(uri) or DEFAULT


def local_path(uri: str) -> Path | None:
    """The path of an artifact URI on this machine's disk; None if it is elsewhere."""
    parts = urlsplit(uri)
    return Path(url2pathname(parts.path)) if parts.scheme in ("", "file") else None


def _make(client: MlflowClient, name: str) -> Any:
    from mlflow.exceptions import MlflowException

    try:
        made = client.create_experiment(name, artifact_location=_place(client, name), tags=_KIND)
    except MlflowException:  # on a server another process may have been first
        found = client.get_experiment_by_name(name)
        if found is None:
            raise
        return found
    return client.get_experiment(made)


def _place(client: MlflowClient, name: str) -> str | None:
    """Artifacts beside their database, which MLflow itself would put into the working directory."""
    file = database_file(str(client.tracking_uri))
    if file is None or file.absolute().parent == Path.cwd():
        return None
    folder = re.sub(r"[^\w.-]+", "-", name)[:80]
    return str(file.absolute().parent / "mlruns" / folder)


def _left_behind(client: MlflowClient, experiment: Any) -> bool:
    """Whether artifacts are gone from a place outside the folder of their database: one of the two moved."""
    file, artifacts = database_file(str(client.tracking_uri)), local_path(experiment.artifact_location)
    if file is None or artifacts is None or _beside(artifacts, file) or artifacts.exists():
        return False
    return bool(client.search_runs([experiment.experiment_id], max_results=1))


def _rename(client: MlflowClient, experiment: Any) -> None:
    name = f"{experiment.name} (artifacts gone, id {experiment.experiment_id})"
    client.rename_experiment(experiment.experiment_id, name)
    _log.warning(
        "the artifacts of experiment %r are gone: they were expected in %s, outside the folder of the "
        "database (was that moved or copied?); it is called %r from now on, and its name goes to another "
        "experiment; its runs can be read again once the folder is back there",
        experiment.name,
        experiment.artifact_location,
        name,
    )


def _beside(artifacts: Path, database: Path) -> bool:
    return artifacts.resolve().is_relative_to(database.resolve().parent)


@cache
def _warn_apart(name: str, artifacts: Path, database: Path) -> None:
    _log.warning(
        "the artifacts of experiment %r go to %s, outside the folder of the database %s: they do not move "
        "with it and are not copied with it",
        name,
        artifacts,
        database,
    )
