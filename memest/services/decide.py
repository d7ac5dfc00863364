"""What an `up` is to start: what was set up before, with what is asked for now, unless that cannot be."""

from __future__ import annotations

import os
import re
from dataclasses import asdict, dataclass, replace

from memest.errors import SettingError
from memest.services.folder import Folder
from memest.services.ports import free_ports, require_address, require_free
from memest.services.probes import endpoint_parts
from memest.services.settings import Secrets, Settings, changed
from memest.services.stores import store_program
from memest.services.tls import ca_bundle
from memest.tracking.client import DATABASES
from memest.tracking.database import sqlite_file

_BUCKET = re.compile(r"(?!.*\.\.)(?!\d+(\.\d+){3}$)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
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


def decide(wanted: Wanted, folder: Folder) -> tuple[Settings, Secrets]:
    """Settings and credentials: as before, with what is asked for. Nothing is written.

    Raises:
        SettingError: this cannot be, or is not what runs here already.
    """
    before, known = folder.settings(), folder.secrets() or Secrets()
    given = {key: value for key, value in asdict(wanted).items() if key != "backend"}
    ports = {"s3_port": given["s3_port"] or None, "mlflow_port": given["mlflow_port"] or None}
    settings, secret = changed(_start(wanted, before, folder), given | ports), known
    _refuse_nonsense(settings)
    if wanted.endpoint:
        settings = replace(settings, ca_bundle=ca_bundle() if settings.endpoint.startswith("https:") else "")
        secret = _from_environment(known)
    secret = changed(secret, {"backend": wanted.backend})
    _refuse_backend(secret.backend)
    _refuse_loss(folder, settings)
    if before:
        _refuse_while_running(_differences(before, settings) | _differences(known, secret), folder)
    require_address(settings.host)
    return settings, secret


def with_ports(settings: Settings, wanted: Wanted, missing: list[str]) -> Settings:
    """Every port decided: kept, given or chosen; those about to be used are free.

    Raises:
        SettingError: a port is taken, or the host is no address of this machine.
    """
    names = ["s3_port", "console_port", "mlflow_port"]
    again = [name for name in ("s3_port", "mlflow_port") if getattr(wanted, name) == 0]
    chosen = dict(zip(names, free_ports(3, settings.host), strict=True))
    kept = {name: getattr(settings, name) for name in names if name not in again and getattr(settings, name)}
    settings = replace(settings, **(chosen | kept))
    for server, name in (("store", "s3_port"), ("mlflow", "mlflow_port")):
        if server in missing:
            require_free(getattr(settings, name), settings.host, f"--{name.replace('_', '-')}")
    return settings


def _start(wanted: Wanted, before: Settings | None, folder: Folder) -> Settings:
    """What the asked-for settings change; where no server has worked yet, the store may become another."""
    settings = before or Settings()
    if folder.proven() is None and (wanted.endpoint or wanted.store):
        return replace(settings, store=wanted.store or "", endpoint=wanted.endpoint)
    return settings


def _refuse_nonsense(settings: Settings) -> None:
    if settings.store and settings.endpoint:
        raise SettingError("--store starts an S3 server here and --endpoint names one elsewhere; give one")
    if settings.endpoint:
        endpoint_parts(settings.endpoint)
    if not _BUCKET.fullmatch(settings.bucket):
        raise SettingError(
            f"--bucket {settings.bucket}: 3 to 63 of a-z, 0-9, - and ., such as memest; no two dots "
            "in a row, no IP address"
        )
    if ":" in settings.host:
        raise SettingError(f"--host {settings.host}: an IPv4 address or a name, such as 127.0.0.1")
    if settings.s3_port == settings.mlflow_port != 0 and not settings.endpoint:
        raise SettingError(f"--s3-port and --mlflow-port are both {settings.s3_port}; give them two")
    names = [name.strip() for name in settings.allowed_hosts.split(",") if name.strip()]
    if odd := [name for name in names if not re.fullmatch(r"[\w.*:\[\]-]+", name)]:
        raise SettingError(
            f"--allowed-hosts: {odd[0]!r} is no name of a host; write names or addresses, comma-separated, "
            "such as mlflow.example.org"
        )
    if settings.store:
        store_program(settings.store)


def _refuse_backend(url: str) -> None:
    """Whether a database could be called so; its server is asked when MLflow's is started."""
    if not url:
        return
    scheme = url.partition(":")[0]
    if scheme.partition("+")[0] not in DATABASES:
        raise SettingError(
            f"--backend {scheme}:…: it is a database URL, postgresql://… or mysql+driver://…, "
            "or none for a SQLite file in the folder"
        )
    sqlite_file(url, "--backend")


def _refuse_loss(folder: Folder, settings: Settings) -> None:
    """Where servers have worked, runs may have put their artifacts."""
    proven = folder.proven()
    differ = _differences(proven, settings) if proven else {}
    for name in set(_LASTING) & set(differ):
        raise SettingError(
            f"the runs of {folder.root} keep their artifacts in {name} {differ[name]!r}, so --{name} cannot "
            "be another one; use another --folder"
        )


def _refuse_while_running(differ: dict[str, str], folder: Folder) -> None:
    if differ and any(process.members() for process in folder.processes().values()):
        raise SettingError(
            f"the services run with another {', '.join(differ)}; stop them first: memest services down"
        )


def _differences(before: Settings | Secrets, after: Settings | Secrets) -> dict[str, str]:
    """What is not as before, each with what it was."""
    now = asdict(after)
    return {name: value for name, value in asdict(before).items() if value != now[name]}


def _from_environment(secret: Secrets) -> Secrets:
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    if missing := [name for name in names if not os.environ.get(name)]:
        raise SettingError(f"--endpoint needs the credentials of that store: set {' and '.join(missing)}")
    return replace(secret, access_key=os.environ[names[0]], secret_key=os.environ[names[1]])
