"""What one run has to say, in order, on this machine's disk: the one format of a run outside a server.

    head.json       whose journal it is
    entries.jsonl   one line each: params, tags, metrics, known, blob, dataset, model, status
    blobs/…         the bytes of every blob, by name
    position        how many bytes of the entries are delivered
    resume.pt       see `resume`

Writing costs a training thread one line in a file; the delivery thread forces lines to the disk before it
sends them, so that a server never knows more than the journal. Without a server nothing is sent until
`memest deliver` is asked to.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from memest.errors import ChangeRefusedError, JournalError
from memest.files import sync_folder, write_whole
from memest.store.blobs import LocalBlobs
from memest.tracking.limits import Limits
from memest.tracking.lines import Entry, read_lines

CHUNK = 100
"""Values in one entry at most, so that MLflow takes any entry in one call."""
LASTING = ("sheet/", "checkpoint/")
"""What is the same however often a run was interrupted. Of figures and timings the first version stays."""
STATE, SEALED = "memest.state", "sealed"
_GB = 1e9


@dataclass(frozen=True)
class Local:
    """What a server is told of a run that was made without one.

    Attributes:
        id: of the run, among those of its kind.
        experiment: in which it will lie.
        began: when, in milliseconds since 1970.
        parent: id of the run that it lies under; empty: of none.
    """

    id: str
    experiment: str
    began: int
    parent: str = ""


@dataclass(frozen=True)
class Head:
    """Whose journal it is.

    Attributes:
        run_id: the run on the server; empty: no server has it yet.
        uri: of the tracking server, without credentials; empty: there is none yet.
        host: the machine that works on the run.
        local: of a run that is made without a server.
    """

    run_id: str
    uri: str
    host: str
    local: Local | None = None


class Journal:
    """The journal of one run; one thread writes, one delivers.

    Args:
        folder: of this journal alone; made if it is not there. A line torn by a crash is cut off.
        head: whose journal it is, and where it is worked on now.
        limits: how much may wait.
    """

    def __init__(self, folder: Path, head: Head, limits: Limits) -> None:
        self.folder = folder
        self.head = _head(folder, head)
        self.files = LocalBlobs(folder / "blobs")
        self.digests: dict[str, str] = {}
        self.sealed = False
        self.ended = 0
        self._limits = limits
        self._points: set[tuple[str, int]] = set()
        self._waiting: deque[tuple[int, int]] = deque()
        self._waiting_bytes = 0
        self._changed, self._woken = threading.Condition(), False
        path, self._position_file = folder / "entries.jsonl", folder / "position"
        self._end = 0
        for entry, end in read_lines(path):
            self._note(entry, end)
        self._file = path.open("ab")
        sync_folder(folder)
        self._drop(self._position())

    def append(self, kind: str, **content: Any) -> None:
        """Add one entry, however much waits: how a run ended can always be said."""
        entry = {"kind": kind, **content}
        line = json.dumps(entry).encode() + b"\n"
        with self._changed:
            self._file.write(line)
            self._file.flush()
            self._note(entry, self._end + len(line))
            self._changed.notify_all()

    def add(self, kind: str, values: Mapping[str, Any], **content: Any) -> None:
        """Entries with `values`, as many as it takes."""
        items = list(values.items())
        for start in range(0, len(items), CHUNK):
            self.append(kind, values=dict(items[start : start + CHUNK]), **content)

    def add_metrics(self, step: int, values: Mapping[str, float]) -> None:
        """Numbers of one epoch, with the present time: sent again, they are the same points.

        What is there already for that epoch stays.

        Raises:
            JournalError: too much waits already, or the disk is nearly full.
        """
        self._refuse_excess(0)
        new = {name: float(value) for name, value in values.items() if (name, step) not in self._points}
        self.add("metrics", new, step=step, time=int(time.time() * 1000))

    def mark_known(self, points: Mapping[str, list[int]]) -> None:
        """The server has values of these metrics at these steps: none is journaled again, now or later."""
        self.append("known", values=dict(points))
        self.sync()

    def blob(self, name: str, content: bytes) -> None:
        """Keep bytes under a name; a no-op if there are any.

        Raises:
            ChangeRefusedError: other bytes are there, and it is a part of the sheet or a checkpoint.
            JournalError: too much waits already, or the disk is nearly full.
        """
        digest = hashlib.sha256(content).hexdigest()
        path = self.files.path(name)
        if name in self.digests:
            if self.digests[name] != digest and name.startswith(LASTING):
                raise ChangeRefusedError(
                    f"{name} of run {self.head.run_id} was written before with other bytes: it cannot "
                    "go on here (is it --deterministic false?); delete it in the MLflow UI and run again"
                )
            return
        path.unlink(missing_ok=True)  # written by a process that died before it could say so
        self._refuse_excess(len(content))
        self.files.put(name, content)
        self.append("blob", name=name, sha256=digest, size=len(content))

    def sync(self) -> None:
        """Force every line to the disk."""
        os.fsync(self._file.fileno())

    def after(self, position: int) -> Iterator[tuple[Entry, int]]:
        """Entries that begin at `position` or later, each with where it ends; those there at the call."""
        with self._changed:
            end = self._end
        for entry, place in read_lines(self.folder / "entries.jsonl", position, cut=False):
            if place > end:
                return
            yield entry, place

    def wait(self, position: int, seconds: float) -> None:
        """Return when there are entries after `position`, or after `seconds`."""
        with self._changed:
            self._changed.wait_for(lambda: self._woken or self._end > position, seconds)

    def wake(self) -> None:
        """Nothing more will come: let nobody wait from now on."""
        with self._changed:
            self._woken = True
            self._changed.notify_all()

    def delivered(self, position: int) -> None:
        """Everything before `position` has arrived; if a crash loses that, it is sent once more."""
        write_whole(self._position_file, str(position).encode(), durable=False)
        with self._changed:
            self._drop(position)

    @property
    def empty(self) -> bool:
        """Whether nothing was ever said."""
        return self._end == 0

    @property
    def position(self) -> int:
        """Where delivery goes on."""
        return self._position()

    @property
    def left(self) -> tuple[int, int]:
        """How many entries, and bytes with their blobs, are not delivered."""
        with self._changed:
            return len(self._waiting), self._waiting_bytes

    def clear(self) -> None:
        """Forget everything that was said; only for a journal of which nothing was sent."""
        with self._changed:
            shutil.rmtree(self.files.root, ignore_errors=True)
            self._file.truncate(0)
            self.digests, self._points, self._end = {}, set(), 0
            self._waiting.clear()
            self._waiting_bytes = 0

    def close(self) -> None:
        """Write no more."""
        self._file.close()

    def remove(self) -> None:
        """Delete everything of this journal."""
        self.close()
        shutil.rmtree(self.folder)

    def _position(self) -> int:
        try:
            position = int(self._position_file.read_text())
        except (OSError, ValueError):
            return 0
        return position if position <= self._end else 0

    def _note(self, entry: Entry, end: int) -> None:
        kind = entry["kind"]
        if kind == "metrics":
            self._points |= {(name, entry["step"]) for name in entry["values"]}
        elif kind == "known":
            self._points |= {(name, step) for name, steps in entry["values"].items() for step in steps}
        elif kind == "status":
            self.ended = entry.get("time", 0)
        elif kind == "blob":
            self.digests[entry["name"]] = entry["sha256"]
        elif kind == "tags":
            self.sealed = entry["values"].get(STATE, "") == SEALED or self.sealed
        size = end - self._end + entry.get("size", 0)
        self._waiting.append((end, size))
        self._waiting_bytes += size
        self._end = end

    def _drop(self, position: int) -> None:
        while self._waiting and self._waiting[0][0] <= position:
            self._waiting_bytes -= self._waiting.popleft()[1]

    def _refuse_excess(self, size: int) -> None:
        waiting = size + self.left[1]
        free = shutil.disk_usage(self.folder).free
        if waiting > self._limits.journal_gb * _GB:
            raise JournalError(
                f"{waiting / _GB:.2g} GB of run {self.head.run_id} wait for delivery in {self.folder}, more "
                f"than {self._limits.journal_gb:g}: see why server or store do not take it, or raise "
                "MEMEST_JOURNAL_GB"
            )
        if free - size < self._limits.spare_gb * _GB:
            raise JournalError(
                f"only {free / _GB:.2g} GB are free where the run keeps its journal ({self.folder}), and "
                f"{self._limits.spare_gb:g} are to stay free: make room, or set MEMEST_SPARE_GB"
            )


def _head(folder: Path, head: Head) -> Head:
    """`head`, written into the folder: a run may go on on another machine."""
    write_whole(folder / "head.json", json.dumps(asdict(head)).encode())
    return head


def read_head(folder: Path) -> Head:
    """Whose journal lies in a folder.

    Raises:
        JournalError: none does.
    """
    try:
        raw = json.loads((folder / "head.json").read_text())
        local = raw.pop("local", None)
        head = Head(**raw, local=Local(**local) if local else None)
        if not all(isinstance(value, str) for value in (head.run_id, head.uri, head.host)):
            raise TypeError(head)
        return head
    except (OSError, TypeError, ValueError) as error:
        raise JournalError(f"{folder} holds no journal of a run ({type(error).__name__})") from error
