"""How long delivery may take and how much may wait.

Each is read from the environment: `MEMEST_` and its name in capitals.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from memest.errors import SettingError


@dataclass(frozen=True)
class Limits:
    """Seconds, unless said otherwise.

    Attributes:
        heartbeat: between two heartbeats; a run that missed three is dead.
        deadline: a finished run waits so long for delivery after the last thing that was delivered.
        grace: the same for a run that failed.
        gather: what comes within this time is sent together; each call costs the server, and what is
            trained beside it on the same machine.
        longest_pause: between two attempts while server or store are away; the pause doubles up to it.
        journal_gb: so much may wait for delivery, in GB, before the run is ended.
        spare_gb: so much is left free on the disk, in GB, before the run is ended.
    """

    heartbeat: float = 30
    deadline: float = 120
    grace: float = 15
    gather: float = 5
    longest_pause: float = 10
    journal_gb: float = 20
    spare_gb: float = 0.5

    @classmethod
    def read(cls, environment: Mapping[str, str] = os.environ) -> Limits:
        """The limits that the environment sets; the others have their defaults.

        Raises:
            SettingError: one is not a number, or negative, or the heartbeat would never rest.
        """
        defaults = asdict(cls())
        return cls(**{name: _number(name, environment, default) for name, default in defaults.items()})


def _number(name: str, environment: Mapping[str, str], default: float) -> float:
    variable = f"MEMEST_{name.upper()}"
    text = environment.get(variable, str(default))
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    never_still = name == "heartbeat"
    if not 0 <= value < float("inf") or (never_still and not value):
        range_ = "above 0" if never_still else "of at least 0"
        raise SettingError(f"{variable} is a number {range_}, such as {default}, not {text!r}")
    return value
