"""A run on a tracking server: everything is written into its journal and delivered behind its back.

Depends on `store`; mlflow is used by the delivery thread alone.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memest.errors import SettingError, SheetError, UndeliveredError
from memest.store.artifacts import run_blobs
from memest.store.blobs import Blobs, plain
from memest.store.cache import Cache
from memest.tracking.delivery import HEARTBEAT, Delivery, Heartbeat, briefly, now
from memest.tracking.journal import SEALED, STATE, Journal
from memest.tracking.limits import Limits
from memest.tracking.resume import ResumePoint
from memest.tracking.run import About, write_columns

if TYPE_CHECKING:
    from mlflow import MlflowClient

_LONGEST = 6000
"""Characters of a parameter that MLflow keeps."""
SHOWN = 1000
"""Characters of an error that are kept as a tag."""


class JournaledBlobs:
    """Blobs of a run being written: read from its journal, whatever has arrived of them."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def put(self, name: str, content: bytes) -> None:
        """Keep `content`; a no-op if it is there already."""
        self._journal.blob(name, content)

    def get(self, name: str, sha256: str = "") -> bytes:
        """The bytes kept under `name`; with a SHA-256, only if it is theirs."""
        if plain(name) not in self._journal.digests:
            raise SheetError(f"{name} is not in {self._journal.folder}")
        return self._journal.files.get(name, sha256)

    def read(self, name: str, start: int, stop: int) -> bytes:
        """Bytes `start` to `stop` of what is kept under `name`."""
        return self._journal.files.read(name, start, stop)

    def names(self, folder: str) -> list[str]:
        """The names directly inside `folder`, sorted."""
        folder = plain(folder) if folder else ""
        return sorted(name for name in self._journal.digests if name.rpartition("/")[0] == folder)


class MlflowRun:
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
        self.id = journal.head.run_id
        self.blobs: Blobs = JournaledBlobs(journal)
        self.resume = ResumePoint(journal.folder, journal.sync)
        self._client, self._journal, self._cache, self._limits = client, journal, cache, limits
        self._again = again
        self._delivery = Delivery(journal, client, limits, new=journal.empty and not again)
        self._heartbeat = Heartbeat(client, journal.head, limits.heartbeat, self._delivery.taken_by)
        self._delivery.start()

    def begin(self, about: About) -> None:
        """Name, tags, description, parameters (`cfg.…`), `config.json` and the dataset input.

        Parameters get a prefix of their own because `mlflow run` has logged its spelling of the same
        settings already, and a parameter cannot be logged twice with different text.

        Raises:
            SettingError: a setting is longer than MLflow keeps.
        """
        self._heartbeat.start()
        settings = {f"cfg.{name}": str(value) for name, value in about.settings.items()}
        for name, value in settings.items():
            if len(value) > _LONGEST:
                raise SettingError(
                    f"{name[4:]} has {len(value):,} characters; MLflow keeps {_LONGEST:,} of them"
                )
        tags = about.all_tags() | {"mlflow.runName": about.name, "mlflow.note.content": about.note}
        if self._again:
            self._journal.append("status", value="RUNNING")
            tags |= {"memest.error": ""}
        self._journal.add("tags", tags | {STATE: "running", HEARTBEAT: now()})
        self._journal.add("params", settings)
        self.blobs.put("config.json", json.dumps(dict(about.settings), indent=1).encode())
        if about.dataset:
            name, fingerprint = about.dataset
            self._journal.append("dataset", name=name, fingerprint=fingerprint)

    def metrics(self, step: int, values: Mapping[str, float]) -> None:
        """All with the same step and time."""
        self._journal.metrics(step, values)

    def table(self, name: str, columns: Mapping[str, list[Any]]) -> None:
        """As MLflow's own table artifact under `tables/`; the UI shows it once a tag names it: at the end."""
        self.blobs.put(f"{name}.json", write_columns(columns))

    def seal(self, tags: Mapping[str, str]) -> None:
        """End the run as FINISHED and, as the last word of all, say that it is whole."""
        self._end("FINISHED", {f"memest.{name}": value for name, value in tags.items()} | {STATE: SEALED})

    def fail(self, reason: str, state: str = "failed") -> None:
        """Tag the reason and end the run as FAILED, or KILLED; what was not delivered then stays here.

        A run that was sealed before is whole, whatever happened then: it is only delivered.
        """
        if self._journal.sealed:
            self._deliver(self._limits.grace)
            return
        status = "FAILED" if state == "failed" else "KILLED"
        tags = {"memest.error": reason[:SHOWN], STATE: state}
        try:
            self._end(status, tags)
            self._delivery.finish(self._limits.grace)
        except (UndeliveredError, OSError):  # OSError: the disk is full, or gone
            self._say_past_the_journal(status, tags)
        finally:
            self._stop()

    def sync(self) -> None:
        """Force the journal to the disk."""
        self._journal.sync()

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
        """All of it is on the server: the cache takes the blobs, and the journal goes."""
        cache, digests = Cache(self._cache), self._journal.digests
        for name, digest in digests.items():
            cache.adopt(self.id, name, digest, self._journal.files.path(name))
        self._journal.remove()
        self.blobs = run_blobs(self._client, self.id, self._cache, known=digests.keys())

    def _end(self, status: str, tags: Mapping[str, str]) -> None:
        tables = [{"path": name, "type": "table"} for name in self.blobs.names("tables")]
        if tables:
            self._journal.append("tags", values={"mlflow.loggedArtifacts": json.dumps(tables)})
        self._journal.append("status", value=status, time=int(time.time() * 1000))
        self._journal.add("tags", tags)

    def _say_past_the_journal(self, status: str, tags: Mapping[str, str]) -> None:
        """Perhaps only the store is away: then the server can say what became of the run.

        Nothing is said of a run that has arrived after all, nor of one that is another machine's now.
        """
        self._delivery.stop()
        if not self._delivery.complete and not self._delivery.taken:
            tagging = [partial(self._client.set_tag, self.id, *tag) for tag in tags.items()]
            briefly(*tagging, partial(self._client.set_terminated, self.id, status))
