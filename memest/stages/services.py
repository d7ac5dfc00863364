"""`memest services up | down | status | env`: what is asked for, and what there is to say about it."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from memest import services
from memest.errors import SettingError
from memest.grammar.config import option
from memest.grammar.values import Count, NonNegative, Within
from memest.services import Folder, ServerStatus, Wanted
from memest.tracking import home
from memest.verdict import Verdict

Port = Annotated[int, Within(0, 65535)]
FOLDER = option("", "folder of data, logs and credentials; empty: .memest/services")


@dataclass(frozen=True)
class UpConfig:
    """Everything the services can be told; what is not told stays as it was at the last `up`."""

    store: Literal["minio", "seaweedfs", "versitygw"] | None = option(
        None, "S3 server to start; at first minio"
    )
    endpoint: str = option("", "URL of an S3 store elsewhere instead; its credentials in AWS_*")
    bucket: str = option("", "made if it is not there; at first memest")
    artifacts: Literal["direct", "proxied"] | None = option(
        None, "direct: clients talk to S3 themselves; proxied: through the MLflow server; at first direct"
    )
    auth: bool | None = option(None, "names and passwords for the MLflow server; at first false")
    backend: str = option(
        "",
        "MLflow's database URL, or MLFLOW_BACKEND_STORE_URI, which `ps` does not show; at first, and with "
        "none, SQLite",
    )
    host: str = option("", "address to listen on; at first 127.0.0.1")
    allowed_hosts: str = option(
        "", "names by which others may call the MLflow server, comma-separated; none: no others"
    )
    s3_port: Port | None = option(None, "0: a free one")
    mlflow_port: Port | None = option(None, "0: a free one")
    workers: Count | None = option(None, "processes of the MLflow server; at first 2")
    seconds: Count = option(90, "how long the servers may take to do their work")
    folder: str = FOLDER


@dataclass(frozen=True)
class DownConfig:
    """Everything the end of the services can be told."""

    grace: NonNegative = option(20, "seconds a server gets to end by itself before it is killed")
    folder: str = FOLDER


@dataclass(frozen=True)
class FolderConfig:
    """Which services are meant."""

    folder: str = FOLDER


def up(config: UpConfig) -> str:
    """Start what does not run, and say where it is and how to use it."""
    found = services.up(_wanted(config), services_folder(config.folder), config.seconds)
    lines = [_line(one) for one in found]
    if not any(one.started for one in found):
        lines.append("everything runs already: nothing was done")
    flag = f" --folder {shlex.quote(config.folder)}" if config.folder else ""
    lines.append(f'to use it:  eval "$(memest services env{flag})"')
    if _open_to_all(services_folder(config.folder)):
        lines.append(
            "careful: others can reach the MLflow server and it asks for no password; see --auth true"
        )
    return "\n".join(lines)


def down(config: DownConfig) -> str:
    """Stop what runs."""
    stopped = services.down(services_folder(config.folder), config.grace)
    return f"stopped: {', '.join(stopped)}" if stopped else "nothing runs"


def status(config: FolderConfig) -> Verdict:
    """How each server is; not good if one has crashed."""
    found = services.status(services_folder(config.folder))
    lines = [_line(one) for one in found] or ["no services were set up here; start them: memest services up"]
    crashed = [one.name for one in found if one.state == "crashed"]
    if crashed:
        lines.append(
            f"{' and '.join(crashed)} ended without being stopped; start it again: memest services up"
        )
    return Verdict("\n".join(lines), good=not crashed)


def env(config: FolderConfig) -> str:
    """The environment of a client, for a shell to evaluate."""
    found = services.exports(services_folder(config.folder))
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in found.items())


def services_folder(name: str) -> Folder:
    """The folder called `name`, or the usual one.

    Raises:
        SettingError: it is a file, or lies below one.
    """
    path = Path(name) if name else home() / "services"
    there = next(place for place in (path, *path.absolute().parents) if place.exists())
    if not there.is_dir():
        raise SettingError(f"--folder {path}: {there} is a file; name a folder, which is made if need be")
    return Folder(path)


def _wanted(config: UpConfig) -> Wanted:
    named = {name: getattr(config, name) for name in Wanted.__dataclass_fields__}
    return Wanted(**named | {"backend": config.backend or os.environ.get("MLFLOW_BACKEND_STORE_URI", "")})


def _line(one: ServerStatus) -> str:
    where = f"pid {one.pid}  " if one.pid else ""
    log = f"log {one.log}" if one.log else ""
    state = "started" if one.started else one.state
    return f"{one.name:<7} {state:<9} {one.url}  {where}{log}".rstrip()


def _open_to_all(folder: Folder) -> bool:
    settings = folder.settings()
    return (
        settings is not None and not settings.auth and settings.host not in ("127.0.0.1", "localhost", "::1")
    )
