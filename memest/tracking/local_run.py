"""A run that is kept on this machine: a journal that nobody delivers, until `memest deliver` is asked to."""

from __future__ import annotations

import math
import os
import socket
import time
import uuid
from dataclasses import replace
from pathlib import Path

from memest.errors import JournalError
from memest.store.blobs import LocalBlobs
from memest.tracking.journal import Head, Journal, Local, read_head
from memest.tracking.journaled_run import JournaledRun, failed
from memest.tracking.limits import Limits
from memest.tracking.run import COMMIT, PARENT, About, origin_tags

FOLDER = "local"


class LocalRun(JournaledRun):
    """A run whose journal is a folder; neither MLflow nor the client of a store is needed.

    Args:
        folder: of the run alone; what an earlier process left of it is read.
        experiment: in which the run will lie once it is delivered.
    """

    def __init__(self, folder: Path, experiment: str = "memest") -> None:
        self.folder = folder
        journal = Journal(folder, _head(folder, experiment), _unbounded())
        super().__init__(str(folder), journal)
        self.resume.anew = self._start_anew

    @property
    def sealed(self) -> bool:
        """Whether the run in this folder was finished."""
        return self._journal.sealed

    def begin(self, about: About) -> None:
        """Write what the run is about; delete what an earlier try left, unless the run goes on from it."""
        if not self.resume.there:
            self._journal.clear()
        self._about = about
        again, tags = not self._journal.empty, origin_tags(about.stage)
        if again:
            tags.pop(COMMIT, None)  # a run keeps the one that it began at, as its sheet does
        self._say(about, tags, again)

    def fail(self, reason: str, state: str = "failed") -> None:
        """Say so, unless the run was finished before that happened."""
        if not self.sealed:
            self._end(*failed(reason, state))
        self.close()

    def close(self) -> None:
        """Nothing more is written."""
        self._journal.sync()
        self._journal.close()
        self.blobs = blobs_in(self.folder)

    def _start_anew(self) -> None:
        """What another version of torch measured would refuse what this one measures."""
        self._journal.clear()
        self._say(self._about, origin_tags(self._about.stage), again=False)


def blobs_in(folder: Path) -> LocalBlobs:
    """What the run in a folder keeps."""
    return LocalBlobs(folder / "blobs")


def _head(folder: Path, experiment: str) -> Head:
    try:
        return read_head(folder)
    except JournalError:
        local = Local(uuid.uuid4().hex, experiment, int(time.time() * 1000), _parent())
        return Head("", "", socket.gethostname(), local)


def _parent() -> str:
    """The local id of the run that this one lies under; empty: there is none."""
    if PARENT not in os.environ:
        return ""
    try:
        parent = read_head(Path(os.environ[PARENT]))
    except JournalError:
        return ""
    return parent.local.id if parent.local else ""


def _unbounded() -> Limits:
    """Nothing waits for delivery, so that any amount may be kept."""
    return replace(Limits.read(), journal_gb=math.inf)
