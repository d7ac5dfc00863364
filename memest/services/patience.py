"""One factor for every time limit of the services and the doctor: MEMEST_PATIENCE, for a busy machine."""

from __future__ import annotations

import os

from memest.errors import SettingError

VARIABLE = "MEMEST_PATIENCE"


def patient(seconds: float) -> float:
    """`seconds` times MEMEST_PATIENCE, which is 1 unless it is set.

    Raises:
        SettingError: it is no positive number.
    """
    given = os.environ.get(VARIABLE) or "1"
    try:
        factor = float(given)
    except ValueError:
        factor = 0
    if not 0 < factor < float("inf"):
        raise SettingError(f"{VARIABLE}={given}: a positive number, such as 4 on a busy machine")
    return seconds * factor
