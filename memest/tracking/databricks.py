"""A workspace of Databricks as the place of runs: refused before MLflow looks for it, and warns."""

from __future__ import annotations

import configparser
import os
import re
from collections.abc import Mapping
from pathlib import Path

from memest.errors import InputError

_URI = re.compile(r"databricks(?::(?://(?P<profile>[^:/]*)(?P<prefix>:[^/]+)?.*)?)?")
_HOSTS = ("DATABRICKS_HOST", "DATABRICKS_CONFIG_PROFILE")
"""Variables by which Databricks' client finds a workspace."""
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


def _file(environment: Mapping[str, str]) -> Path:
    return Path(environment.get("DATABRICKS_CONFIG_FILE") or "~/.databrickscfg").expanduser()


def _profiles(file: Path) -> set[str]:
    """The profiles in a configuration file that name a host."""
    parser = configparser.ConfigParser()
    try:
        parser.read(file, encoding="utf-8")
    except (configparser.Error, OSError, UnicodeDecodeError):
        return set()
    return {name for name, section in parser.items() if section.get("host", raw=True)}
