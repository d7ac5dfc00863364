"""The tracking server that holds runs to be queried."""

from __future__ import annotations

from memest.errors import SettingError
from memest.tracking import OFF, tracking_uri


def server_uri(tracking: str) -> str:
    """The tracking URI that a `--tracking` flag means.

    Raises:
        SettingError: tracking is off, so that there is no server to query.
    """
    if tracking == OFF:
        raise SettingError(
            "--tracking off: only train works without MLflow; its results lie under .memest/runs, and runs "
            "that are to be scored again or analysed must be tracked"
        )
    return tracking_uri() if tracking == "auto" else tracking
