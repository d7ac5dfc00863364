"""The tracking server that holds runs to be queried."""

from __future__ import annotations

from memest.errors import SettingError
from memest.tracking import is_local, tracking_uri


def server_uri(tracking: str) -> str:
    """The tracking URI that a `--tracking` flag means.

    Raises:
        SettingError: runs are kept on this machine, so that there is no server to query.
    """
    if is_local(tracking):
        raise SettingError(
            f"--tracking {tracking}: only train works without MLflow; to score its runs again or analyse "
            "them, deliver them first: memest deliver --folder .memest/runs"
        )
    return tracking_uri() if tracking == "auto" else tracking
