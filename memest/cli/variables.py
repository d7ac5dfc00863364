"""Environment variables are looked at before a command does anything, as its flags are."""

from __future__ import annotations

import os
from collections.abc import Mapping, MutableMapping
from pathlib import Path

from memest.errors import SettingError
from memest.services.patience import patient
from memest.tracking.limits import Limits

_SWITCHES = ("MEMEST_PICTURES", "MEMEST_RESUME_EVERY_EPOCH")
_FOLDERS = ("MEMEST_HOME", "MEMEST_CACHE", "MEMEST_DATA")
_ADDRESS = ("MASTER_ADDR", "MASTER_PORT")


def quiet_threads(environment: MutableMapping[str, str] = os.environ) -> None:
    """Let threads that wait sleep: spinning ones starve each other. Torch reads it when it is imported."""
    environment.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def check_variables(environment: Mapping[str, str] = os.environ) -> None:
    """Refuse variables of memest, and of torchrun, that say what cannot be.

    Raises:
        SettingError: the message names the variable, what it holds and what it may.
    """
    Limits.read(environment)
    patient(1)
    for name in _SWITCHES:
        if (given := environment.get(name, "")) not in ("", "0", "1"):
            raise SettingError(f"{name} is 1 or 0, not {given!r}")
    for name in _FOLDERS:
        if folder := environment.get(name):
            _require_folder(name, Path(folder))
    _check_ranks(environment)


def require_alone(command: str, environment: Mapping[str, str] = os.environ) -> None:
    """Refuse a command that is carried out by one process where torchrun started several.

    Raises:
        SettingError: it did.
    """
    if "RANK" in environment and int(environment.get("WORLD_SIZE", "1")) > 1:
        raise SettingError(
            f"memest {command} is done by one process, and torchrun started {environment['WORLD_SIZE']}: "
            "start it without torchrun; only memest train shares a run among processes"
        )


def _require_folder(name: str, path: Path) -> None:
    """It is a folder, or may become one."""
    there = next((place for place in (path, *path.absolute().parents) if place.exists()), None)
    if there and not there.is_dir():
        raise SettingError(f"{name} names a folder, not {str(path)!r}: {there} is a file; name another place")


def _check_ranks(environment: Mapping[str, str]) -> None:
    """What torchrun sets, if it is set."""
    if "WORLD_SIZE" not in environment or "RANK" not in environment:
        return
    size = _whole("WORLD_SIZE", environment["WORLD_SIZE"], 1)
    rank = _whole("RANK", environment["RANK"], 0)
    _whole("LOCAL_RANK", environment.get("LOCAL_RANK", "0"), 0)
    if rank >= size:
        raise SettingError(
            f"RANK={rank} and WORLD_SIZE={size}: ranks are 0 to {size - 1}; let torchrun set them"
        )
    missing = [name for name in _ADDRESS if not environment.get(name)]
    if size > 1 and missing:
        raise SettingError(
            f"WORLD_SIZE={size} needs {' and '.join(missing)}: start the processes with torchrun, which sets "
            "them, or unset WORLD_SIZE"
        )


def _whole(name: str, text: str, least: int) -> int:
    if not text.isdecimal() or int(text) < least:
        raise SettingError(
            f"{name} is a whole number of at least {least}, not {text!r}; let torchrun set it, or unset it"
        )
    return int(text)
