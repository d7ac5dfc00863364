"""A workspace of Databricks as the place of runs: refused before MLflow looks for it, and warns."""

from __future__ import annotations

import configparser
import os
import re
import socket
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies

from memest.errors import InputError

_URI = re.compile(r"databricks(?::(?://(?P<profile>[^:/]*)(?P<prefix>:[^/]+)?.*)?)?")
_HOSTS = ("DATABRICKS_HOST", "DATABRICKS_CONFIG_PROFILE")
"""Variables by which Databricks' client finds a workspace."""
_PATIENCE = 10.0
"""Seconds in which a workspace's host must take a connection."""
_INSIDE = "DATABRICKS_RUNTIME_VERSION"
"""Set inside of a workspace, which knows itself and others."""


def check_databricks(uri: str, flag: str, environment: Mapping[str, str] = os.environ) -> None:
    """Refuse a URI of Databricks that names no workspace that is configured here; nothing is asked.

    MLflow itself looks for what a secret names (databricks://scope:prefix), and inside of a workspace.

    Raises:
        InputError: it is misspelled or a registry's, or neither variables nor a file configure a workspace.
    """
    found = _URI.fullmatch(uri)
    if found is None:
        raise InputError(
            f"{flag}: {uri!r} is not where Databricks keeps runs; write databricks, or databricks://profile"
        )
    if found["prefix"] or environment.get(_INSIDE):
        return
    profile, file = found["profile"] or "", _file(environment)
    if not profile and any(environment.get(name) for name in _HOSTS):
        return
    if (profile or "DEFAULT") not in _profiles(file):
        wanted = f"no profile {profile!r} in {file}" if profile else f"neither DATABRICKS_HOST nor {file}"
        raise InputError(
            f"{flag}: {uri} needs a workspace, and there is {wanted}: set DATABRICKS_HOST and "
            "DATABRICKS_TOKEN, or run databricks configure"
        )


def require_reachable(uri: str, environment: Mapping[str, str] = os.environ) -> None:
    """Refuse a workspace whose host takes no connection: its own client asks again for five minutes.

    Nothing is asked where the host is not known here, or is reached through a proxy.

    Raises:
        InputError: nothing answers there.
    """
    place = urlsplit(_host(uri, environment))
    if not place.hostname or "https" in getproxies():
        return
    try:
        socket.create_connection((place.hostname, place.port or 443), timeout=_PATIENCE).close()
    except OSError as error:
        raise InputError(
            f"no workspace answers at {place.hostname}, which {uri} means ({error}): see that the host is "
            "spelled right and that the network reaches it, or name another --tracking"
        ) from error


def _host(uri: str, environment: Mapping[str, str]) -> str:
    """The URL of the workspace that a URI means; empty where it is not known here."""
    found = _URI.fullmatch(uri)
    if found is None or found["prefix"] or environment.get(_INSIDE):
        return ""
    profile = found["profile"] or environment.get("DATABRICKS_CONFIG_PROFILE") or "DEFAULT"
    host = "" if found["profile"] else environment.get("DATABRICKS_HOST", "")
    host = host or _profiles(_file(environment)).get(profile, "")
    return host if not host or "//" in host else f"https://{host}"


def _file(environment: Mapping[str, str]) -> Path:
    return Path(environment.get("DATABRICKS_CONFIG_FILE") or "~/.databrickscfg").expanduser()


def _profiles(file: Path) -> dict[str, str]:
    """The hosts of the profiles in a configuration file, by name; those without one are left out."""
    parser = configparser.ConfigParser()
    try:
        parser.read(file, encoding="utf-8")
    except (configparser.Error, OSError, UnicodeDecodeError):
        return {}
    hosts = {name: section.get("host", raw=True) for name, section in parser.items()}
    return {name: host for name, host in hosts.items() if host}
