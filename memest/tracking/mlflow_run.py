"""A run on a tracking server: everything is written into its journal, and another thread delivers it.

While it trains, only the delivery and the heartbeat thread call MLflow; what ends a run may.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from memest.errors import UndeliveredError
from memest.store.artifacts import run_blobs
from memest.store.cache import Cache
from memest.tracking.delivery import Delivery, briefly
from memest.tracking.heartbeat import HEARTBEAT, Heartbeat, now
from memest.tracking.journal import STATE, Journal
from memest.tracking.journaled_run import JournaledRun, failed
from memest.tracking.limits import Limits
from memest.tracking.run import About

if TYPE_CHECKING:
    from mlflow import MlflowClient


class MlflowRun(JournaledRun):
    """A run on a tracking server that is being written.

    Args:
        client: of the server.
        journal: of the run.
        cache: where its blobs go when all is delivered.
        limits: of delivery.
        again: it was worked in before.
    """

    def __init__(
        self, client: MlflowClient, journal: Journal, cache: Path, limits: Limits, again: bool = False
    ) -> None:
        super().__init__(journal.head.run_id, journal)
        self._client, self._cache, self._limits = client, cache, limits
        self._again = again
        self._delivery = Delivery(journal, client, limits, new=journal.empty and not again)
        self._heartbeat = Heartbeat(client, journal.head, limits.heartbeat, self._delivery.taken_by)
        self._delivery.start()

    def begin(self, about: About) -> None:
        """Write what the run is about, and start its heartbeat.

        Raises:
            SettingError: a setting is longer than MLflow keeps.
        """
        self._heartbeat.start()
        self._say(about, {HEARTBEAT: now()}, self._again)

    def fail(self, reason: str, state: str = "failed") -> None:
        """Tag the reason and end the run as FAILED, or KILLED; what was not delivered then stays here.

        A run that was sealed before is whole, whatever happened then: it is only delivered.
        """
        if self._journal.sealed:
            self._deliver(self._limits.grace)
            return
        status, tags = failed(reason, state)
        try:
            self._end(status, tags)
            self._delivery.finish(self._limits.grace)
        except (UndeliveredError, OSError):  # OSError: the disk is full, or gone
            self._say_past_the_journal(status, tags)
        finally:
            self._stop()

    def close(self, patient: bool = False) -> None:
        """Return when everything has arrived; the journal's blobs are then the cache's.

        Args:
            patient: set no deadline while nothing goes wrong.

        Raises:
            UndeliveredError: it has not; the message says where it is and how it is delivered.
        """
        self._deliver(self._limits.deadline, patient)

    def _deliver(self, seconds: float, patient: bool = False) -> None:
        try:
            self._delivery.finish(seconds, patient)
        except (UndeliveredError, KeyboardInterrupt):
            self._say_past_the_journal("FAILED", {STATE: "undelivered"})
            raise
        finally:
            self._stop()
        if self._journal.sealed:
            self._hand_over()

    def _stop(self) -> None:
        self._heartbeat.stop()
        self._delivery.stop()
        self._journal.close()

    def _hand_over(self) -> None:
        """All of it is on the server: the cache takes the blobs, and the journal goes.

        The journal of a run that was made without a server is its owner's, and stays.
        """
        if self._journal.head.local:
            return
        cache, digests = Cache(self._cache), self._journal.digests
        for name, digest in digests.items():
            cache.adopt(self.id, name, digest, self._journal.files.path(name))
        self._journal.remove()
        self.blobs = run_blobs(self._client, self.id, self._cache, known=digests.keys())

    def _say_past_the_journal(self, status: str, tags: Mapping[str, str]) -> None:
        """Tell the server how the run ended: perhaps only the store is away.

        Nothing is said of a run that has arrived after all, nor of one that is another machine's now.
        """
        self._delivery.stop()
        if not self._delivery.complete and not self._delivery.taken:
            tagging = [partial(self._client.set_tag, self.id, *tag) for tag in tags.items()]
            briefly(*tagging, partial(self._client.set_terminated, self.id, status))
