"""Durations as people write them: `90s`, `10m`, `1.5h`."""

from __future__ import annotations

import re

from memest.errors import SettingError

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}
_FORM = re.compile(r"\s*(\d+(?:\.\d+)?|\.\d+)\s*([smh])\s*")


def duration(text: str) -> float:
    """Seconds.

    Raises:
        SettingError: it is no number with a unit, or nothing.
    """
    found = _FORM.fullmatch(text)
    if found is None or not (seconds := float(found[1]) * _UNITS[found[2]]):
        raise SettingError(f"{text!r} is no duration; expected a number with s, m or h, such as 90s or 10m")
    return seconds


def canonical_duration(text: str) -> str:
    """The same duration in its shortest spelling: `600s` as `10m`.

    Raises:
        SettingError: it is none.
    """
    return spelled(duration(text))


def spelled(seconds: float) -> str:
    """A duration as people write it."""
    unit = next(unit for unit in "hms" if seconds >= _UNITS[unit] or unit == "s")
    whole = next((u for u in "hms" if seconds % _UNITS[u] == 0 and seconds >= _UNITS[u]), unit)
    return f"{seconds / _UNITS[whole]:.6g}{whole}"
