"""A client of the MLflow server, and which server that is.

The fluent API is not used here: every call names its run or experiment.
"""

from __future__ import annotations

import logging
import os
import re
import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from memest.errors import InputError, MemestError, NoRunsError, SettingError, masked
from memest.tracking.database import check_database, sqlite_file
from memest.tracking.databricks import check_databricks, require_reachable
from memest.tracking.run import is_local
from memest.tracking.schema import make_tables

if TYPE_CHECKING:
    from mlflow import MlflowClient

_START = re.compile(r"[0-9a-f]{4,32}")
DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
"""The database engines that MLflow knows."""
_DEFAULTS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_TRUNCATE_LONG_VALUES": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # it would print the credentials in a URL
    "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
    "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",
}


def tracking_uri() -> str:
    """`MLFLOW_TRACKING_URI`, else the SQLite store that a plain `mlflow ui` opens in this folder."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{Path('mlflow.db').absolute()}"


def server_uri(tracking: str) -> str:
    """The tracking URI that a `--tracking` flag means.

    Raises:
        SettingError: runs are kept on this machine, so that there is no server to query.
    """
    if is_local(tracking):
        raise SettingError(
            f"--tracking {tracking}: only train works without MLflow; to score its runs again or analyse "
            "them, deliver them first: memest deliver --folder .memest/runs"
        )
    return tracking_uri() if tracking == "auto" else tracking


def bare(uri: str) -> str:
    """`uri` without credentials, as it may be written down."""
    return masked(uri).replace("…@", "")


def check_tracking(tracking: str) -> None:
    """Refuse a place where no run can be kept, before any work; no tracking server is asked.

    Args:
        tracking: a tracking URI, `auto` for `MLFLOW_TRACKING_URI`, or `offline`, which is always possible.

    Raises:
        InputError: the URI is misspelled, or of a database that cannot be used.
    """
    if is_local(tracking):
        return
    uri = tracking_uri() if tracking == "auto" else tracking
    if uri == os.environ.get("MLFLOW_TRACKING_URI"):
        flag = "MLFLOW_TRACKING_URI"
    else:
        flag = "MLFLOW_TRACKING_URI is not set" if uri == tracking_uri() else "--tracking"
    scheme = uri.partition(":")[0]
    if scheme.lower() in ("http", "https"):
        _check_server(uri, flag)
    elif scheme.partition("+")[0] in DATABASES or uri.lower().startswith("sqlite"):
        check_database(uri, flag, "experiments")
    elif scheme.startswith("databricks"):
        check_databricks(uri, flag)
    elif scheme not in _brought():
        raise InputError(
            f"{flag}: {masked(uri)!r} is not a tracking URI; write http://127.0.0.1:5000 for a server, or "
            "sqlite:///mlflow.db or postgresql://host:5432/name for a database (MLflow no longer keeps runs "
            "in plain folders)"
        )


def _brought() -> set[str]:
    """Kinds of tracking URIs that other packages bring to MLflow."""
    return {point.name for point in entry_points(group="mlflow.tracking_store")}


def _check_server(uri: str, flag: str) -> None:
    try:
        parts = urlsplit(uri)
        good = bool(parts.hostname) and parts.port != 0 and not re.search(r"\s", uri)
    except ValueError:  # a port that is none, brackets that do not close
        good = False
    if not good:
        raise InputError(f"{flag}: a tracking server looks like http://127.0.0.1:5000, not {masked(uri)!r}")


def connect(uri: str, existing: bool = False) -> MlflowClient:
    """A client that has answered one real call.

    Args:
        uri: of a tracking server or a SQLite file.
        existing: refuse a SQLite file that is not there instead of making it.

    Raises:
        InputError: nothing answers at `uri`, or it is not a tracking server.
    """
    check_tracking(uri)
    if uri.startswith("databricks"):
        require_reachable(uri)
    file = database_file(uri)
    if existing and file and not file.is_file():
        raise NoRunsError(f"there are no runs yet: no {uri}; train first, or set MLFLOW_TRACKING_URI")
    for name, value in (_DEFAULTS | _authorities(uri)).items():
        os.environ.setdefault(name, value)
    for noisy in ("alembic", "mlflow.store.db.utils"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    from mlflow import MlflowClient

    # MLflow imports polars where that is installed, and polars has calls of the system go on after Ctrl-C.
    signal.siginterrupt(signal.SIGINT, True)
    try:
        with alone_at(uri):
            if file:
                make_tables(file)
            client = MlflowClient(tracking_uri=uri)  # opens the database, and would make it
            client.search_experiments(max_results=1)
    except Exception as error:  # MLflow's, SQLAlchemy's, Alembic's, a driver's: they share no base
        raise InputError(
            f"no MLflow server answers at {uri} ({_first_line(error)}); start one, set MLFLOW_TRACKING_URI, "
            "or use --tracking off"
        ) from error
    return client


@contextmanager
def answering(uri: str) -> Iterator[None]:
    """A block of calls that a run cannot begin without.

    Raises:
        InputError: the server refuses one, or is gone in the middle.
    """
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        raise InputError(
            f"the MLflow server at {bare(uri)} does not open a run ({_first_line(error)}); see that it "
            "runs and that you may write there, or use --tracking off"
        ) from error


def get_run(client: MlflowClient, run_id: str) -> Any:
    """The run with this id.

    Raises:
        NoRunsError: there is none.
    """
    from mlflow.exceptions import MlflowException

    try:
        return client.get_run(run_id)
    except MlflowException as error:
        uri = bare(str(client.tracking_uri))
        if like := _begun_alike(client, run_id):
            way = f"did you mean {' or '.join(like)}?"
        elif uri.startswith("sqlite"):
            way = "an id has 32 digits and letters; a relative sqlite path is another file in another folder"
        else:
            way = "an id has 32 digits and letters"
        raise NoRunsError(f"there is no run {run_id!r} at {uri}: {way}") from error


def _begun_alike(client: MlflowClient, run_id: str) -> list[str]:
    """Up to three runs whose ids begin so: people copy what a table shows of them."""
    from mlflow.exceptions import MlflowException

    start = run_id.strip().lower()
    if not _START.fullmatch(start):
        return []
    try:
        experiments = [one.experiment_id for one in client.search_experiments(max_results=1000)]
        found = client.search_runs(experiments, f"attributes.run_id LIKE '{start}%'", max_results=3)
    except MlflowException:  # a server that cannot search ids so
        return []
    return [str(run.info.run_id) for run in found]


@contextmanager
def server_may_be_gone() -> Iterator[None]:
    """Saying that something failed must not hide what failed.

    MLflow's errors are known by their module: a run that was kept out of MLflow must not import it here.
    """
    try:
        yield
    except Exception as error:
        ours = isinstance(error, (MemestError, OSError))
        if not ours and not type(error).__module__.startswith("mlflow"):
            raise


def alone_at(uri: str) -> AbstractContextManager[object]:
    """Two processes that make the schema or an experiment in one SQLite file at once break each other."""
    file = database_file(uri)
    if file is None:
        return nullcontext()
    from filelock import FileLock

    return FileLock(f"{file}.lock")


def database_file(uri: str) -> Path | None:
    """The file of a tracking URI that names one; None for servers."""
    return sqlite_file(uri) if uri.startswith("sqlite") else None


def _authorities(uri: str) -> dict[str, str]:
    """AWS_CA_BUNDLE, as boto3 has it, for MLflow's calls too, unless MLflow's own variables say otherwise."""
    bundle, insecure = os.environ.get("AWS_CA_BUNDLE"), os.environ.get("MLFLOW_TRACKING_INSECURE_TLS")
    if not bundle or insecure or not uri.startswith("https:"):
        return {}
    return {"MLFLOW_TRACKING_SERVER_CERT_PATH": bundle}


def _first_line(error: Exception) -> str:
    return masked(" ".join(str(error).split()))[:200]
