"""The one folder of the services: settings, credentials, processes, logs and data.

Every file written here is private to the user (mode 600, in a folder of mode 700), and private from the
first byte on. Depends on the ground floor.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar, get_type_hints
from urllib.parse import unquote

from memest.errors import BusyError, ServiceError
from memest.services.process import Process

D = TypeVar("D")
_CLEARED = ("allowed_hosts", "backend")
_WAYS_OUT = {
    "processes.json": "end the servers that `ps` still shows (minio, weed, mlflow), then remove the file"
}


@dataclass(frozen=True)
class Settings:
    """What the services of one folder are; nothing here is secret.

    Attributes:
        store: minio or seaweedfs; empty when the store is elsewhere.
        endpoint: of the S3 store elsewhere; empty when it is started here.
        artifacts: `direct`: clients talk to S3 themselves; `proxied`: through the MLflow server.
        console_port: where MinIO's web console answers, on loopback.
    """

    store: str = "minio"
    endpoint: str = ""
    bucket: str = "memest"
    region: str = "us-east-1"
    artifacts: str = "direct"
    auth: bool = False
    host: str = "127.0.0.1"
    allowed_hosts: str = ""
    workers: int = 2
    s3_port: int = 0
    console_port: int = 0
    mlflow_port: int = 0

    @property
    def s3_url(self) -> str:
        """Where the S3 store answers."""
        return self.endpoint or f"http://{self._reached}:{self.s3_port}"

    @property
    def mlflow_url(self) -> str:
        """Where the MLflow server answers."""
        return f"http://{self._reached}:{self.mlflow_port}"

    @property
    def _reached(self) -> str:
        """A server that listens everywhere is reached from here by loopback."""
        return {"0.0.0.0": "127.0.0.1"}.get(self.host, self.host)


def _random() -> Any:
    return field(default_factory=lambda: secrets.token_hex(20))


@dataclass(frozen=True)
class Secrets:
    """What must not be seen: random unless the store or the database is elsewhere.

    Attributes:
        backend: URL of MLflow's database, which may hold a password; empty: SQLite in the folder.
    """

    access_key: str = _random()
    secret_key: str = _random()
    admin_password: str = _random()
    session_key: str = _random()
    signing_key: str = _random()
    backend: str = ""

    def hide(self, text: str) -> str:
        """`text` with every secret replaced by three stars; the access key is a mere name."""
        hidden = [value for name, value in asdict(self).items() if name != "access_key"]
        for value in (*hidden, *passwords(self.backend)):
            text = text.replace(value, "***") if value else text
        return text


class Folder:
    """Where the services keep everything.

    Args:
        root: made when something is first written.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()

    def path(self, name: str) -> Path:
        """The path of a file or folder inside."""
        return self.root / name

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keeps two commands from starting or stopping the same services at once.

        Raises:
            BusyError: another command is at it.
        """
        from filelock import FileLock, Timeout

        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            with FileLock(self.path("lock"), timeout=0):
                yield
        except Timeout as error:
            raise BusyError(
                f"another command is starting or stopping the services in {self.root}; wait for it, "
                "then run the same command again"
            ) from error

    def settings(self) -> Settings | None:
        """What was set up here; None: nothing yet."""
        return self._one("settings.json", Settings)

    def secrets(self) -> Secrets | None:
        """The credentials of what was set up here; None: nothing yet."""
        return self._one("credentials.json", Secrets)

    def processes(self) -> dict[str, Process]:
        """The processes that were started and not stopped since, by name."""
        found = self._read("processes.json") or {}
        return {name: self._made("processes.json", Process, one) for name, one in found.items()}

    def keep(self, settings: Settings | None, secret: Secrets | None) -> None:
        """Write settings and credentials down; None: there are none."""
        for name, value in (("credentials.json", secret), ("settings.json", settings)):
            if value is None:
                self.path(name).unlink(missing_ok=True)
            else:
                self.write(name, json.dumps(asdict(value), indent=1))

    def record(self, name: str, process: Process | None) -> None:
        """Write down that a process was started, or stopped."""
        known = {key: asdict(value) for key, value in self.processes().items() if key != name}
        entry = {name: asdict(process)} if process else {}
        self.write("processes.json", json.dumps(known | entry, indent=1))

    def write(self, name: str, text: str) -> Path:
        """Put `text` in a file that is private before it holds anything, and whole when it is seen."""
        path, draft = self.path(name), self.path(f"{name}.{secrets.token_hex(4)}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
        draft.replace(path)
        return path

    def _one(self, name: str, kind: type[D]) -> D | None:
        found = self._read(name)
        return None if found is None else self._made(name, kind, found)

    def _made(self, name: str, kind: type[D], found: Any) -> D:
        """A dataclass of plain fields, from what a file says of them."""
        try:
            made, hints = kind(**found), get_type_hints(kind)
        except TypeError as error:
            raise self._damaged(name, error) from error
        for key, value in found.items():
            if type(value) is not hints[key]:
                raise self._damaged(name, TypeError(f"{key} is no {hints[key].__name__}"))
        return made

    def _read(self, name: str) -> dict[str, Any] | None:
        path = self.path(name)
        if not path.is_file():
            return None
        try:
            found = json.loads(path.read_text())
        except ValueError as error:
            raise self._damaged(name, error) from error
        if not isinstance(found, dict):
            raise self._damaged(name, TypeError(f"a {type(found).__name__} and no table"))
        return found

    def _damaged(self, name: str, error: Exception) -> ServiceError:
        way_out = _WAYS_OUT.get(name, "put it back, or use another --folder")
        return ServiceError(f"{self.path(name)} is not as memest wrote it ({error}); {way_out}")


def changed(settings: D, given: Mapping[str, Any]) -> D:
    """`settings` with what was asked for; what was not (None or empty) stays as it was; `none` clears."""
    asked = {name: value for name, value in given.items() if value not in (None, "")}
    cleared = {name: "" for name in _CLEARED if asked.get(name) == "none"}
    return replace(settings, **asked | cleared)  # type: ignore[type-var]


def passwords(url: str) -> list[str]:
    """The password in a URL, which may hold any character, as written and as meant; longest first.

    So are its parts: a library that takes another character for the end of it quotes the rest as a host.
    """
    found = re.search(r"://[^:/?#]*:(.*)@", url)
    forms = [found[1], unquote(found[1]), " ".join(found[1].split())] if found else []
    whole = {form for form in forms if form}
    parts = {part for form in whole for part in re.split(r"[@:/?#\[\]\s]", form) if len(part) >= 4}
    return sorted(whole | parts, key=len, reverse=True)
