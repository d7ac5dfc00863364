"""The thread that brings a journal to the server.

    training thread → journal (disk) → delivery thread → tracking server, artifact store

Whatever server and store do, the training thread waits for nothing but its own disk.
"""

from __future__ import annotations

import logging
import shlex
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from memest.errors import UndeliveredError
from memest.tracking.journal import Journal
from memest.tracking.limits import Limits
from memest.tracking.send import Sender, Trouble, batches

if TYPE_CHECKING:
    from mlflow import MlflowClient

_FIRST_PAUSE = 0.25
_REFUSED_PAUSE = 60.0
_IDLE = 3600.0
_BEGINNING = 0.1
_BRIEFLY = 2.0
_SLOWEST = 100_000
"""Bytes a second: a call that is under way with a blob is given the time that this takes."""
_log = logging.getLogger(__name__)


class Delivery:
    """Delivers a journal in the background, in order, as often as it takes.

    Args:
        journal: what to deliver.
        client: of the tracking server.
        limits: pauses and deadlines.
        new: nothing was ever sent to this run.
    """

    def __init__(self, journal: Journal, client: MlflowClient, limits: Limits, new: bool = False) -> None:
        self._journal, self._limits = journal, limits
        self._sender = Sender(client, journal.head.run_id, journal.files, new)
        self._closing, self._stopped = threading.Event(), threading.Event()
        self._done = threading.Event()
        self._attempts = 0
        self._progressed = time.monotonic()
        self._position = journal.position
        self._in_flight = 0
        self._complete = False
        self._taken_by: str | None = None
        self._trouble: Trouble | None = None
        self._thread = threading.Thread(target=self._work, name="memest delivery", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    @property
    def complete(self) -> bool:
        """Whether everything has arrived, even if delivery was stopped before it saw that."""
        return self._complete or (self._journal.sealed and not self._journal.left[0])

    @property
    def taken(self) -> bool:
        """Whether the run is another machine's now."""
        return self._taken_by is not None

    def finish(self, seconds: float, patient: bool = False) -> None:
        """Wait until everything has arrived; call it once, after the last entry. Delivery is then over.

        Args:
            seconds: at most so long after the last thing that arrived, and longer while a large blob travels.
            patient: for ever, while nothing goes wrong.

        Raises:
            UndeliveredError: it has not; the message says where it is and how it is delivered.
        """
        began, attempts = time.monotonic(), self._attempts
        self._closing.set()
        self._journal.wake()
        try:
            while not self._done.wait(0.02):
                if self._hopeless(began, attempts, seconds, patient):
                    break
        finally:
            self.stop()
        if not self._complete:
            raise UndeliveredError(self._account())

    def stop(self) -> None:
        """Send nothing more; a call under way is given a moment to end."""
        if self._stopped.is_set():
            return
        self._stopped.set()
        self._closing.set()
        self._journal.wake()
        self._thread.join(_BRIEFLY)

    def taken_by(self, host: str) -> None:
        """Another machine works on the run: send nothing more, and say so at the end."""
        self._taken_by = host
        _log.warning("run %s is at work on %s now: nothing more is sent", self._journal.head.run_id, host)
        self.stop()

    def _hopeless(self, began: float, attempts: int, seconds: float, patient: bool) -> bool:
        trouble = self._trouble
        if trouble is None and patient:
            return False
        refused = trouble is not None and trouble.refused and self._attempts > attempts
        waited = time.monotonic() - max(began, self._progressed)
        return refused or waited > seconds + self._in_flight / _SLOWEST

    def _account(self) -> str:
        if self._taken_by is not None:
            return (
                f"run {self._journal.head.run_id} is at work on {self._taken_by} now: it gave no sign of "
                "life for so long that it counted as dead; nothing more of what was done here is sent; once "
                "it is finished there, run the same command again"
            )
        entries, size = self._journal.left
        trouble = self._trouble
        what = "no answer" if trouble is None else trouble.text
        why = "was refused" if trouble and trouble.refused else "did not succeed in time"
        folder = self._journal.folder.absolute()
        return (
            f"{entries} entries ({size / 1e6:.1f} MB) of run {self._journal.head.run_id} are not delivered: "
            f"sending {why} ({what}); they are safe in {folder}: mend that, or delete the folder if the "
            f"run is not wanted; deliver them with: memest deliver --folder {shlex.quote(str(folder))}"
        )

    def _work(self) -> None:
        pause = _FIRST_PAUSE
        while not self._stopped.is_set():
            # Asked before the journal is read: whatever was appended before closing is then read.
            closing = self._closing.is_set()
            try:
                if self._send_waiting() and closing:
                    self._confirm()
                    break
                pause = _FIRST_PAUSE
                self._gather()
            except Exception as error:  # MLflow, requests, urllib3, SQLAlchemy, botocore: they share no base
                self._complain(Trouble.of(error))
                self._rest(pause)
                pause = min(2 * pause, self._limits.longest_pause)
        self._done.set()

    def _send_waiting(self) -> bool:
        """Send what the journal holds and the server does not; whether it came to the end of that."""
        self._journal.sync()
        for group, end in batches(self._journal.after(self._position)):
            if self._stopped.is_set():
                return False
            self._in_flight = sum(entry.get("size", 0) for entry in group)
            self._sender.send(group)
            self._in_flight = 0
            self._arrived(end)
        return not self._stopped.is_set()

    def _confirm(self) -> None:
        """All was sent and nothing follows: see that a sealed run is whole on the server."""
        if self._journal.sealed:
            self._sender.confirm(self._journal.ended)
        self._complete = True

    def _gather(self) -> None:
        """Wait for the next entry, and for those that soon follow it; no longer when the run ends."""
        if self._stopped.is_set():
            return
        self._journal.wait(self._position, _IDLE)
        # What opens a run goes at once: it is seen on the server, and what sending needs is loaded meanwhile.
        self._closing.wait(self._limits.gather if self._position else min(_BEGINNING, self._limits.gather))

    def _arrived(self, end: int) -> None:
        if self._trouble is not None:
            _log.warning("delivery of run %s goes on", self._journal.head.run_id)
        self._position, self._trouble, self._progressed = end, None, time.monotonic()
        self._journal.delivered(end)

    def _complain(self, trouble: Trouble) -> None:
        if self._trouble is None:
            _log.warning(
                "delivery of run %s waits, the run goes on: %s", self._journal.head.run_id, trouble.text
            )
        self._trouble, self._in_flight = trouble, 0
        self._attempts += 1

    def _rest(self, pause: float) -> None:
        """Pause before the next attempt, longer after a refusal; the run's end cuts a pause short."""
        if self._closing.is_set():
            self._stopped.wait(pause)
        else:
            refused = self._trouble is not None and self._trouble.refused
            self._closing.wait(_REFUSED_PAUSE if refused else pause)


def briefly(*calls: Callable[[], object], seconds: float = 10) -> None:
    """Try calls of the server, without waiting longer than `seconds` and without caring how they end."""
    over = threading.Event()

    def attempt() -> None:
        try:
            for call in calls:
                if not over.is_set():
                    call()
        except Exception as error:  # as above
            _log.debug("%s", Trouble.of(error).text)

    thread = threading.Thread(target=attempt, daemon=True)
    thread.start()
    thread.join(seconds)
    over.set()
