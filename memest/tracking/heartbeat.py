"""The heartbeat of a run: tags by which other processes tell that it is at work, and where."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from memest.tracking.journal import Head
from memest.tracking.run import HOUSEKEEPING
from memest.tracking.send import Trouble

if TYPE_CHECKING:
    from mlflow import MlflowClient

HEARTBEAT, HOST = f"{HOUSEKEEPING}heartbeat", f"{HOUSEKEEPING}host"
_log = logging.getLogger(__name__)


class Heartbeat:
    """Tags a run with the time every few seconds, whatever delivery is busy with.

    Args:
        client: of the tracking server.
        head: the run, and the machine that works on it.
        seconds: between two heartbeats.
        taken_by: told the name of another machine that took the run up; no heartbeat follows.
    """

    def __init__(
        self, client: MlflowClient, head: Head, seconds: float, taken_by: Callable[[str], None]
    ) -> None:
        self._client, self._run_id, self._host = client, head.run_id, head.host
        self._seconds, self._taken_by = seconds, taken_by
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, name="memest heartbeat", daemon=True)

    def start(self) -> None:
        """Begin; the first sign comes after one interval."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stopped.set()

    def _work(self) -> None:
        while not self._stopped.wait(self._seconds):
            try:
                owner = self._client.get_run(self._run_id).data.tags.get(HOST, self._host)
                if owner != self._host:
                    self._taken_by(owner)
                    return
                self._client.set_tag(self._run_id, HEARTBEAT, now())
            except Exception as error:  # MLflow's share no base; after a lost sign comes the next
                _log.debug("no heartbeat of run %s: %s", self._run_id, Trouble.of(error).text)


def now() -> str:
    """The time of a heartbeat: whole seconds since 1970."""
    return str(int(time.time()))
