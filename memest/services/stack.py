"""Up, down, status: the services of one folder as a whole. Depends on the files beside it."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Literal

from memest.errors import InputError, ServiceError, SettingError
from memest.services.environment import past_proxies
from memest.services.folder import Folder, Secrets, Settings, changed
from memest.services.mlflow_server import ADMIN, mlflow_server, s3_environment
from memest.services.ports import free_ports, require_free
from memest.services.probes import endpoint_parts, make_bucket, require_tracking
from memest.services.process import Launch, last_lines, start
from memest.services.stores import STORES, program

State = Literal["running", "stopped", "crashed", "elsewhere"]
Starter = Callable[[Settings, Secrets, Folder], Launch]
_LASTING = ("store", "endpoint", "bucket")
"""Artifacts of earlier runs lie where these say."""


@dataclass(frozen=True)
class Wanted:
    """What is asked for; None or empty: as before, else the default of `Settings`.

    The word `none` takes back what was said earlier of `backend` or `allowed_hosts`.

    Attributes:
        s3_port, mlflow_port: 0 chooses a free one.
        backend: database URL of MLflow.
    """

    store: str | None = None
    endpoint: str = ""
    bucket: str = ""
    artifacts: str | None = None
    auth: bool | None = None
    backend: str = ""
    host: str = ""
    allowed_hosts: str = ""
    s3_port: int | None = None
    mlflow_port: int | None = None
    workers: int | None = None


@dataclass(frozen=True)
class Condition:
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


def up(wanted: Wanted, folder: Folder, seconds: float = 90) -> list[Condition]:
    """Start what does not run and wait until both servers do their work.

    What was started is stopped again if either does not get there.

    Raises:
        InputError: what is asked for cannot be, or is not what runs here already.
        ServiceError: a server does not come up; the message holds the end of its log.
    """
    _decide(wanted, folder)  # what cannot be is refused before anything is written
    with folder.lock():
        settings, secret = _decide(wanted, folder)
        missing = [name for name in _servers(settings) if not _runs(name, folder)]
        for name in missing:
            _stop(name, folder, grace=5)  # what a crash has left of it
        if missing:
            settings = _with_ports(settings, wanted, missing)
            if settings.endpoint:
                make_bucket(settings, secret)  # a store elsewhere does its work now or not at all
            with _all_or_nothing(missing, folder):
                _start(missing, settings, secret, folder, seconds)
    return [replace(one, started=one.name in missing) for one in status(folder)]


def down(folder: Folder, grace: float = 20) -> list[str]:
    """Stop what runs; data, settings and credentials stay. The names of what was stopped."""
    if not folder.path("processes.json").is_file():
        return []
    with folder.lock():
        return [name for name in reversed([*folder.processes()]) if _stop(name, folder, grace)]


def status(folder: Folder) -> list[Condition]:
    """How each server is; nothing where nothing was set up."""
    settings = folder.settings()
    if settings is None:
        return []
    urls = {"store": settings.s3_url, "mlflow": settings.mlflow_url}
    found = [_condition(name, urls[name], folder) for name in _servers(settings)]
    return [Condition("store", "elsewhere", settings.endpoint), *found] if settings.endpoint else found


def exports(folder: Folder) -> dict[str, str]:
    """The environment of a client; it holds secrets.

    Raises:
        InputError: nothing was set up in this folder.
    """
    settings, secret = folder.settings(), folder.secrets()
    if settings is None or secret is None:
        raise InputError(f"no services were set up in {folder.root}; start them with `memest services up`")
    found = {"MLFLOW_TRACKING_URI": settings.mlflow_url}
    if settings.auth:
        found |= {"MLFLOW_TRACKING_USERNAME": ADMIN, "MLFLOW_TRACKING_PASSWORD": secret.admin_password}
    if settings.artifacts == "direct":
        found |= s3_environment(settings, secret) | {"MEMEST_BUCKET": settings.bucket}
    return found | past_proxies()


def _decide(wanted: Wanted, folder: Folder) -> tuple[Settings, Secrets]:
    """Settings and credentials: as before, with what is asked for, unless that cannot be."""
    before, known = folder.settings(), folder.secrets() or Secrets()
    given = {key: value for key, value in asdict(wanted).items() if key != "backend"}
    ports = {"s3_port": given["s3_port"] or None, "mlflow_port": given["mlflow_port"] or None}
    settings = changed(before or Settings(store="" if wanted.endpoint else "minio"), given | ports)
    _refuse_nonsense(settings)
    secret = _from_environment(known) if wanted.endpoint else known
    secret = changed(secret, {"backend": wanted.backend})
    if before:
        _refuse_change(_differences(before, settings) | _differences(known, secret), folder)
    return settings, secret


def _refuse_nonsense(settings: Settings) -> None:
    if settings.store and settings.endpoint:
        raise SettingError("--store starts an S3 server here and --endpoint names one elsewhere; give one")
    if settings.endpoint:
        endpoint_parts(settings.endpoint)
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", settings.bucket):
        raise SettingError(f"--bucket {settings.bucket}: 3 to 63 of a-z, 0-9, - and ., such as memest")
    if ":" in settings.host:
        raise SettingError(f"--host {settings.host}: an IPv4 address or a name, such as 127.0.0.1")
    if settings.store:
        program(settings.store)


def _differences(before: Settings | Secrets, after: Settings | Secrets) -> dict[str, str]:
    """What is not as before, each with what it was."""
    now = asdict(after)
    return {name: value for name, value in asdict(before).items() if value != now[name]}


def _refuse_change(differ: dict[str, str], folder: Folder) -> None:
    for name in set(_LASTING) & set(differ):
        raise SettingError(
            f"the runs of {folder.root} keep their artifacts in {name} {differ[name]!r}, so --{name} cannot "
            "be another one; use another --folder"
        )
    if differ and any(process.members() for process in folder.processes().values()):
        raise SettingError(
            f"the services run with another {', '.join(differ)}; stop them first: memest services down"
        )


def _from_environment(secret: Secrets) -> Secrets:
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    if missing := [name for name in names if not os.environ.get(name)]:
        raise SettingError(f"--endpoint needs the credentials of that store: set {' and '.join(missing)}")
    return replace(secret, access_key=os.environ[names[0]], secret_key=os.environ[names[1]])


def _with_ports(settings: Settings, wanted: Wanted, missing: list[str]) -> Settings:
    """Every port decided: kept, given or chosen; those about to be used are free."""
    names = ["s3_port", "console_port", "mlflow_port"]
    again = [name for name in ("s3_port", "mlflow_port") if getattr(wanted, name) == 0]
    chosen = dict(zip(names, free_ports(3, settings.host), strict=True))
    kept = {name: getattr(settings, name) for name in names if name not in again and getattr(settings, name)}
    settings = replace(settings, **(chosen | kept))
    for server, name in (("store", "s3_port"), ("mlflow", "mlflow_port")):
        if server in missing:
            require_free(getattr(settings, name), settings.host, f"--{name.replace('_', '-')}")
    return settings


def _servers(settings: Settings) -> dict[str, Starter]:
    """What is started here, by name, in order."""
    own: dict[str, Starter] = {} if settings.endpoint else {"store": STORES[settings.store]}
    return own | {"mlflow": mlflow_server}


def _start(names: list[str], settings: Settings, secret: Secrets, folder: Folder, seconds: float) -> None:
    launches = {name: _servers(settings)[name](settings, secret, folder) for name in names}
    folder.keep(settings, secret)
    for name, launch in launches.items():
        folder.record(name, start(launch, folder.root, folder.path(f"{name}.log")))
    login = (ADMIN, secret.admin_password) if settings.auth else None
    proofs = {
        "store": lambda: make_bucket(settings, secret),
        "mlflow": lambda: require_tracking(settings.mlflow_url, login),
    }
    _wait(proofs, names, folder, secret, seconds)


@contextmanager
def _all_or_nothing(names: list[str], folder: Folder) -> Iterator[None]:
    """If the block fails, what it started is stopped and what it wrote down is taken back."""
    before = folder.settings(), folder.secrets()
    try:
        yield
    except BaseException:
        for name in names:
            _stop(name, folder, grace=2)
        folder.keep(*before)
        raise


def _wait(
    proofs: Mapping[str, Callable[[], None]],
    started: list[str],
    folder: Folder,
    secret: Secrets,
    seconds: float,
) -> None:
    """Until a real call to each server succeeds, one of those just started dies, or the time is over."""
    deadline = time.monotonic() + seconds
    missing = dict.fromkeys(proofs, "not tried")
    while missing:
        for name in list(missing):
            if name in started and not _runs(name, folder):
                raise _failure(name, f"ended by itself ({missing[name]})", folder, secret)
            try:
                proofs[name]()
                del missing[name]
            except ServiceError as error:
                missing[name] = str(error)
                if time.monotonic() > deadline:
                    raise _failure(name, f"does not do its work ({error})", folder, secret) from error
        time.sleep(0.1)


def _failure(name: str, what: str, folder: Folder, secret: Secrets) -> ServiceError:
    log = folder.path(f"{name}.log")
    end = secret.hide(last_lines(log))
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


def _condition(name: str, url: str, folder: Folder) -> Condition:
    process = folder.processes().get(name)
    log = str(folder.path(f"{name}.log"))
    if process is None:
        return Condition(name, "stopped", url, log=log)
    return Condition(name, "running" if process.alive() else "crashed", url, process.pid, log)
