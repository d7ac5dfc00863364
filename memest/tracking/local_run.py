"""A run that lives in a folder of this machine and nowhere else. Depends on `files` and `store`."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from memest.files import write_whole
from memest.store.blobs import Blobs, LocalBlobs
from memest.tracking.journal import LASTING, SEALED, STATE
from memest.tracking.lines import read_lines
from memest.tracking.resume import ResumePoint
from memest.tracking.run import About, write_columns


class _FirstStays(LocalBlobs):
    """The rule of the journal: only sheet and checkpoints refuse other bytes; of the rest the first stay."""

    def put(self, name: str, content: bytes) -> None:
        """Keep `content`, unless it is a figure, table or setting that is there already."""
        if name.startswith(LASTING) or not self.path(name).exists():
            super().put(name, content)


class LocalRun:
    """A run in a folder of its own: `run.json`, `metrics.jsonl` and the blobs."""

    def __init__(self, folder: Path) -> None:
        self.id = str(folder)
        self.folder = folder
        self.blobs: Blobs = _FirstStays(folder)
        self.resume = ResumePoint(folder, self.sync, anew=self._start_anew)
        self._about: dict[str, Any] = {}
        self._points: set[tuple[str, int]] = set()

    @property
    def sealed(self) -> bool:
        """Whether the run in this folder was finished."""
        path = self.folder / "run.json"
        return path.is_file() and json.loads(path.read_text())["tags"][STATE] == SEALED

    def begin(self, about: About) -> None:
        """Write `run.json`; what an earlier try left is removed first, unless the run can go on from it."""
        if not self.resume.there:
            shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        for entry, _ in read_lines(self._metrics):
            self._points |= {(name, entry["step"]) for name in entry}
        self._metrics.touch()
        self._about = {"name": about.name, "note": about.note, "settings": dict(about.settings)}
        self._say("running", about.all_tags())

    def metrics(self, step: int, values: Mapping[str, float]) -> None:
        """Add one line to `metrics.jsonl`; what is there already for this step stays."""
        new = {name: value for name, value in values.items() if (name, step) not in self._points}
        if new:
            with self._metrics.open("a") as file:
                file.write(json.dumps({"step": step} | new) + "\n")

    def table(self, name: str, columns: Mapping[str, list[Any]]) -> None:
        """Keep it as JSON."""
        self.blobs.put(f"{name}.json", write_columns(columns))

    def seal(self, tags: Mapping[str, str]) -> None:
        """Say so in `run.json`."""
        self._say(SEALED, {f"memest.{key}": value for key, value in tags.items()})

    def fail(self, reason: str, state: str = "failed") -> None:
        """Say so in `run.json`, unless the run was finished before that happened."""
        if not self.sealed:
            self._say(state, {"memest.error": reason})

    def sync(self) -> None:
        """Force the metrics to the disk."""
        with self._metrics.open("ab") as file:
            os.fsync(file.fileno())

    def close(self) -> None:
        """Nothing: all of it is here."""

    def _start_anew(self) -> None:
        """What another version of torch measured would refuse what this one measures."""
        for place in LASTING:
            shutil.rmtree(self.folder / place, ignore_errors=True)

    @property
    def _metrics(self) -> Path:
        return self.folder / "metrics.jsonl"

    def _say(self, state: str, tags: Mapping[str, str]) -> None:
        self._about["tags"] = self._about.get("tags", {}) | dict(tags) | {STATE: state}
        write_whole(self.folder / "run.json", json.dumps(self._about, indent=1).encode())
