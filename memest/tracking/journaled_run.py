"""A run whose every word goes into a journal on this machine's disk, and its blobs read from there."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from typing import Any

from memest.errors import SettingError, SheetError
from memest.store.blobs import Blobs, plain_name
from memest.tracking.journal import SEALED, STATE, Journal
from memest.tracking.resume import ResumePoint
from memest.tracking.run import About, write_columns

ERROR = "memest.error"
SHOWN = 1000
"""Characters of an error that are kept as a tag."""
_EPOCH = re.compile(r"\d+")
"""In the name of a checkpoint, `checkpoint/epoch-000030.pt`."""
_LONGEST = 6000
"""Characters of a parameter that MLflow keeps."""


class JournaledBlobs:
    """Blobs of a run being written: kept in its journal, whatever has arrived of them elsewhere."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def put(self, name: str, content: bytes) -> None:
        """Keep `content`; a no-op if it is there already."""
        self._journal.blob(name, content)

    def get(self, name: str, sha256: str = "") -> bytes:
        """The bytes kept under `name`; with a SHA-256, only if it is theirs."""
        if plain_name(name) not in self._journal.digests:
            raise SheetError(f"{name} is not in {self._journal.folder}")
        return self._journal.files.get(name, sha256)

    def read(self, name: str, start: int, stop: int) -> bytes:
        """Bytes `start` to `stop` of what is kept under `name`, unchecked."""
        return self._journal.files.read(name, start, stop)

    def names(self, folder: str) -> list[str]:
        """The names directly inside `folder`, sorted."""
        folder = plain_name(folder) if folder else ""
        return sorted(name for name in self._journal.digests if name.rpartition("/")[0] == folder)


class JournaledRun:
    """The common part of runs with a journal: all but its delivery.

    Args:
        run_id: as people are told.
        journal: of the run.
    """

    def __init__(self, run_id: str, journal: Journal) -> None:
        self.id = run_id
        self.blobs: Blobs = JournaledBlobs(journal)
        self.resume = ResumePoint(journal.folder, journal.sync)
        self._journal = journal
        self._network = ""

    def log_metrics(self, step: int, values: Mapping[str, float]) -> None:
        """Numbers of one epoch, all with the same time; what is there already for that epoch stays."""
        self._journal.add_metrics(step, values)

    def table(self, name: str, columns: Mapping[str, list[Any]]) -> None:
        """As MLflow's own table artifact under `tables/`; the UI shows it once a tag names it: at the end."""
        self.blobs.put(f"{name}.json", write_columns(columns))

    def seal(self, tags: Mapping[str, str]) -> None:
        """End the run as FINISHED and, last of all, say that it is whole."""
        self._end("FINISHED", {f"memest.{name}": value for name, value in tags.items()} | {STATE: SEALED})

    def sync(self) -> None:
        """Force the journal to the disk."""
        self._journal.sync()

    def _say(self, about: About, tags: Mapping[str, str], again: bool) -> None:
        """Name, tags, description, parameters (`cfg.…`), `config.json` and the dataset input.

        Parameters get a prefix of their own because `mlflow run` has logged its spelling of the same
        settings already, and a parameter cannot be logged twice with different text.

        Args:
            about: the run.
            tags: more of them.
            again: the run was worked in before.

        Raises:
            SettingError: a setting is longer than MLflow keeps.
        """
        settings = {f"cfg.{name}": str(value) for name, value in about.settings.items()}
        for name, value in settings.items():
            if len(value) > _LONGEST:
                raise SettingError(
                    f"{name[4:]} has {len(value):,} characters; MLflow keeps {_LONGEST:,} of them"
                )
        said = about.all_tags() | {"mlflow.runName": about.name, "mlflow.note.content": about.note}
        if again:
            self._journal.append("status", value="RUNNING")
            said[ERROR] = ""
        self._journal.add("tags", said | {STATE: "running"} | dict(tags))
        self._journal.add("params", settings)
        self._network = str(about.settings.get("model", ""))
        self.blobs.put("config.json", json.dumps(dict(about.settings), indent=1).encode())
        if about.dataset:
            name, fingerprint = about.dataset
            self._journal.append("dataset", name=name, fingerprint=fingerprint)

    def _end(self, status: str, tags: Mapping[str, str]) -> None:
        kept = self.blobs.names("checkpoint") if status == "FINISHED" and self._network else []
        for file in kept[-1:]:
            step = int(_EPOCH.findall(file)[-1])
            self._journal.append("model", name=self._network, file=file, step=step)
        tables = [{"path": name, "type": "table"} for name in self.blobs.names("tables")]
        if tables:
            self._journal.append("tags", values={"mlflow.loggedArtifacts": json.dumps(tables)})
        if self.blobs.names("images"):
            self._journal.append("tags", values={"mlflow.loggedImages": "true"})
        self._journal.append("status", value=status, time=int(time.time() * 1000))
        self._journal.add("tags", tags)


def failed(reason: str, state: str) -> tuple[str, dict[str, str]]:
    """MLflow's status and the tags of a run that ended early."""
    return "FAILED" if state == "failed" else "KILLED", {ERROR: reason[:SHOWN], STATE: state}
