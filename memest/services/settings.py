"""What the services of one folder are: settings that anybody may read, and credentials that nobody may."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, TypeVar
from urllib.parse import unquote

D = TypeVar("D")
_CLEARED = ("allowed_hosts", "backend")


@dataclass(frozen=True)
class Settings:
    """The settings of the services in one folder; nothing here is secret.

    Attributes:
        store: name of the S3 server that is started here; empty: the store is elsewhere.
        endpoint: URL of the S3 store elsewhere; empty: it is started here.
        ca_bundle: file of certificate authorities to trust at `endpoint`; empty: those of the system.
        artifacts: `direct`: clients talk to S3 themselves; `proxied`: through the MLflow server.
        console_port: port of MinIO's web console, on loopback.
    """

    store: str = "minio"
    endpoint: str = ""
    ca_bundle: str = ""
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
        """URL of the S3 store."""
        return self.endpoint or f"http://{self._reached}:{self.s3_port}"

    @property
    def mlflow_url(self) -> str:
        """URL of the MLflow server."""
        return f"http://{self._reached}:{self.mlflow_port}"

    @property
    def _reached(self) -> str:
        """A server that listens everywhere is reached from here by loopback."""
        return {"0.0.0.0": "127.0.0.1"}.get(self.host, self.host)


def _random() -> Any:
    return field(default_factory=lambda: secrets.token_hex(20))


@dataclass(frozen=True)
class Secrets:
    """The credentials of the services: random unless the store or the database is elsewhere.

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


def changed(settings: D, given: Mapping[str, Any]) -> D:
    """`settings` with what was asked for; what was not (None or empty) stays as it was; `none` clears."""
    asked = {name: value for name, value in given.items() if value not in (None, "")}
    cleared = {name: "" for name in _CLEARED if asked.get(name) == "none"}
    return replace(settings, **asked | cleared)  # type: ignore[type-var]


def passwords(url: str) -> list[str]:
    """The password in a URL, which may hold any character, as written and as meant; longest first.

    So are its parts: a library that takes another character for the end of it quotes the rest as a host.
    """
    found = re.search(r"://[^:/?#]*:(.*)@", url, re.DOTALL)
    forms = [found[1], unquote(found[1]), " ".join(found[1].split())] if found else []
    whole = {form for form in forms if form}
    parts = {part for form in whole for part in re.split(r"[@:/?#\[\]\s]", form) if len(part) >= 4}
    return sorted(whole | parts, key=len, reverse=True)
