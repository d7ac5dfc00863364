"""Up, down, status: the services of one folder as a whole."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Literal

from memest.errors import ServiceError, masked
from memest.services.clients import ADMIN, s3_environment
from memest.services.databases import make_databases
from memest.services.decide import Wanted, decide, with_ports
from memest.services.folder import Folder
from memest.services.links import examine
from memest.services.mlflow_server import mlflow_server
from memest.services.patience import patient
from memest.services.probes import LoginRefusedError, make_bucket, require_tracking
from memest.services.process import Launch, Process, last_lines, start
from memest.services.reach import Reach
from memest.services.s3_links import s3_checks
from memest.services.settings import Secrets, Settings
from memest.services.stores import STORES

State = Literal["running", "stopped", "crashed", "elsewhere"]
Starter = Callable[[Settings, Secrets, Folder], Launch]


@dataclass(frozen=True)
class ServerStatus:
    """How one server is.

    Attributes:
        started: whether this call started it.
    """

    name: str
    state: State
    url: str
    pid: int | None = None
    log: str = ""
    started: bool = False


def up(wanted: Wanted, folder: Folder, seconds: float = 90) -> list[ServerStatus]:
    """Start what does not run and wait until both servers do their work.

    What was started is stopped again if either does not get there, and the settings are what they were
    before. After a command that was killed at any moment, the next one goes on from what it finds.

    Raises:
        InputError: what is asked for cannot be, or is not what runs here already.
        ServiceError: a server does not come up; the message holds the end of its log.
    """
    decide(wanted, folder)  # what cannot be is refused before anything is written
    with folder.lock():
        folder.tidy()
        folder.make_secrets()
        settings, secret = decide(wanted, folder)
        missing = [name for name in _servers(settings) if not _runs(name, folder)]
        unused = set(folder.processes()) - set(_servers(settings))
        for name in [*missing, *unused]:
            _stop(name, folder, grace=5)  # what a crash has left of it
        if missing or folder.unfinished():
            doubtful = [*_servers(settings)] if folder.unfinished() else missing
            with _all_or_nothing(doubtful, folder):
                if settings.endpoint:
                    require_store(settings, secret)  # a store elsewhere does its work now or not at all
                _start(missing, with_ports(settings, wanted, missing), secret, folder, seconds)
    return [replace(one, started=one.name in missing) for one in status(folder)]


def down(folder: Folder, grace: float = 20) -> list[str]:
    """Stop what runs; data, settings and credentials stay. The names of what was stopped."""
    if not folder.path("processes.json").is_file():
        return []
    with folder.lock():
        folder.tidy()
        return [name for name in reversed([*folder.processes()]) if _stop(name, folder, grace)]


def status(folder: Folder) -> list[ServerStatus]:
    """How each server is; nothing where nothing was set up."""
    settings = folder.settings()
    if settings is None:
        return []
    urls = {"store": settings.s3_url, "mlflow": settings.mlflow_url}
    found = [_condition(name, urls[name], folder) for name in _servers(settings)]
    return [ServerStatus("store", "elsewhere", settings.endpoint), *found] if settings.endpoint else found


def _servers(settings: Settings) -> dict[str, Starter]:
    """What is started here, by name, in order."""
    own: dict[str, Starter] = {} if settings.endpoint else {"store": STORES[settings.store]}
    return own | {"mlflow": mlflow_server}


def _start(names: list[str], settings: Settings, secret: Secrets, folder: Folder, seconds: float) -> None:
    """Start these servers, and wait until all do their work: only then do the settings count for good."""
    seconds = patient(seconds)
    deadline = time.monotonic() + seconds
    folder.ask(settings, secret)
    for name in names:
        if name == "mlflow":
            make_databases(settings, secret, folder, seconds)
        launch, plan = _servers(settings)[name](settings, secret, folder), Process.planned()
        folder.record(name, plan)
        folder.record(name, start(launch, folder.root, folder.path(f"{name}.log"), plan))
    login = (ADMIN, secret.admin_password) if settings.auth else None
    proofs = {
        "store": lambda: make_bucket(settings, secret),
        "mlflow": lambda: require_tracking(settings.mlflow_url, login),
    }
    _wait(proofs, [*_servers(settings)], folder, secret, deadline)
    folder.accept()


@contextmanager
def _all_or_nothing(names: list[str], folder: Folder) -> Iterator[None]:
    """If the block fails, these servers are stopped and the settings are what they were before."""
    try:
        yield
    except BaseException:
        for name in names:
            _stop(name, folder, grace=2)
        folder.withdraw()
        raise


def _wait(
    proofs: Mapping[str, Callable[[], None]],
    here: list[str],
    folder: Folder,
    secret: Secrets,
    deadline: float,
) -> None:
    """Until a real call to each server succeeds, one of those that run here dies, or the time is over."""
    missing = dict.fromkeys(proofs, "not tried")
    while missing:
        for name in list(missing):
            if name in here and not _runs(name, folder):
                raise _failure(name, f"ended by itself ({missing[name]})", folder, secret)
            try:
                proofs[name]()
                del missing[name]
            except LoginRefusedError as error:
                raise _failure(name, str(error), folder, secret) from error
            except ServiceError as error:
                missing[name] = str(error)
                if time.monotonic() > deadline:
                    raise _failure(name, f"does not do its work ({error})", folder, secret) from error
        if missing:
            time.sleep(0.1)


def _failure(name: str, what: str, folder: Folder, secret: Secrets) -> ServiceError:
    log = folder.path(f"{name}.log")
    end = masked(secret.hide(last_lines(log)))
    return ServiceError(
        f"{name} {secret.hide(what)}" + (f"; the end of {log} follows" if end else ""), log=end
    )


def _runs(name: str, folder: Folder) -> bool:
    process = folder.processes().get(name)
    return process is not None and process.alive()


def _stop(name: str, folder: Folder, grace: float) -> bool:
    process = folder.processes().get(name)
    if process is None:
        return False
    there = bool(process.members())
    process.stop(grace)
    folder.record(name, None)
    return there


def _condition(name: str, url: str, folder: Folder) -> ServerStatus:
    process = folder.processes().get(name)
    log = str(folder.path(f"{name}.log"))
    if process is None:
        return ServerStatus(name, "stopped", url, log=log)
    return ServerStatus(name, "running" if process.alive() else "crashed", url, process.pid, log)


def require_store(settings: Settings, secret: Secrets) -> None:
    """Make the bucket if it is not there, and get an object back as it was put.

    Raises:
        ServiceError: the store does not do that; which link is broken, and the remedy.
    """
    known = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    reach = Reach("--endpoint", known | s3_environment(settings, secret), settings.bucket)
    for one in examine(s3_checks(reach, make=True)):
        if one.state == "FAILED":
            said = f"{one.name}: {one.details}; {one.remedy}"
            raise ServiceError(secret.hide(reach.hide(said)).replace("MLFLOW_S3_ENDPOINT_URL", "--endpoint"))
