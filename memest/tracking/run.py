"""One run, as the stages see it: a place for settings, metrics, bytes and the outcome.

Two kinds answer the same calls: `LocalRun` keeps everything in a folder, `MlflowRun` also sends it to a
tracking server. Which one a stage got it need not know. Depends on the ground floor, `store`, and, for
`MlflowRun`, on mlflow.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from memest.store.artifacts import ArtifactBlobs
from memest.store.blobs import Blobs, LocalBlobs

if TYPE_CHECKING:
    from mlflow import MlflowClient

SEALED = "sealed"
AXES = ("dataset", "limit", "corruption", "model", "protocol", "epochs", "recipe", "seed")
"""The tags that queries filter and group by."""


@dataclass(frozen=True)
class About:
    """What a run is about, sent when it begins.

    Attributes:
        stage: train, score or analyze.
        key: the digest that equal runs share.
        name: for people.
        settings: every setting, flat.
        tags: the axes that queries group and filter by, without the `memest.` prefix.
        note: a description, in Markdown.
        dataset: name and fingerprint of what is measured, if anything is.
    """

    stage: str
    key: str
    name: str
    settings: Mapping[str, Any]
    tags: Mapping[str, str]
    note: str
    dataset: tuple[str, str] | None = None

    def all_tags(self) -> dict[str, str]:
        """Every tag, with its prefix."""
        axes = dict(self.tags) | {"stage": self.stage, "key": self.key}
        if self.dataset:
            axes["fingerprint"] = self.dataset[1]
        return {f"memest.{name}": value for name, value in axes.items()}


class Run(Protocol):
    """Where a stage puts what it finds."""

    id: str
    blobs: Blobs

    def begin(self, about: About) -> None:
        """Say what the run is about."""
        ...

    def metrics(self, step: int, values: Mapping[str, float]) -> None:
        """Numbers of one epoch."""
        ...

    def table(self, name: str, columns: Mapping[str, list[Any]]) -> None:
        """A small table for people to look at."""
        ...

    def seal(self, tags: Mapping[str, str]) -> None:
        """Finished and whole; `tags` are added."""
        ...

    def fail(self, reason: str, killed: bool = False) -> None:
        """Ended early, and why."""
        ...


class LocalRun:
    """A run in a folder of its own: `run.json`, `metrics.jsonl` and the blobs."""

    def __init__(self, folder: Path) -> None:
        self.id = str(folder)
        self.folder = folder
        self.blobs: Blobs = LocalBlobs(folder)
        self._about: dict[str, Any] = {}

    @property
    def sealed(self) -> bool:
        """Whether the run in this folder was finished."""
        path = self.folder / "run.json"
        return path.is_file() and json.loads(path.read_text())["tags"]["memest.state"] == SEALED

    def begin(self, about: About) -> None:
        """Write `run.json`; what an earlier try left unfinished is removed first."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        (self.folder / "metrics.jsonl").write_text("")
        self._about = {"name": about.name, "note": about.note, "settings": dict(about.settings)}
        self._say("running", about.all_tags())

    def metrics(self, step: int, values: Mapping[str, float]) -> None:
        """Add one line to `metrics.jsonl`."""
        with (self.folder / "metrics.jsonl").open("a") as file:
            file.write(json.dumps({"step": step} | dict(values)) + "\n")

    def table(self, name: str, columns: Mapping[str, list[Any]]) -> None:
        """Keep it as JSON."""
        self.blobs.put(f"{name}.json", json.dumps(dict(columns)).encode())

    def seal(self, tags: Mapping[str, str]) -> None:
        """Say so in `run.json`."""
        self._say(SEALED, {f"memest.{key}": value for key, value in tags.items()})

    def fail(self, reason: str, killed: bool = False) -> None:
        """Say so in `run.json`."""
        self._say("killed" if killed else "failed", {"memest.error": reason})

    def _say(self, state: str, tags: Mapping[str, str]) -> None:
        self._about["tags"] = self._about.get("tags", {}) | dict(tags) | {"memest.state": state}
        (self.folder / "run.json").write_text(json.dumps(self._about, indent=1))


class MlflowRun:
    """A run on a tracking server.

    Args:
        client: of the server.
        run_id: an existing run.
        cache: a folder of this machine for artifacts written or read before.
    """

    def __init__(self, client: MlflowClient, run_id: str, cache: Path) -> None:
        self.id = run_id
        self.blobs: Blobs = ArtifactBlobs(client, run_id, cache)
        self._client = client

    def begin(self, about: About) -> None:
        """Name, tags, description, parameters (`cfg.…`), `config.json` and the dataset input.

        Parameters get a prefix of their own because `mlflow run` has logged its spelling of the same
        settings already, and a parameter cannot be logged twice with different text.
        """
        from mlflow.entities import Param, RunTag

        tags = about.all_tags() | {
            "memest.state": "running",
            "mlflow.runName": about.name,
            "mlflow.note.content": about.note,
        }
        self._client.log_batch(
            self.id,
            params=[Param(f"cfg.{key}", str(value)) for key, value in about.settings.items()],
            tags=[RunTag(key, value) for key, value in tags.items()],
        )
        self.blobs.put("config.json", json.dumps(dict(about.settings), indent=1).encode())
        if about.dataset:
            self._dataset(*about.dataset)

    def metrics(self, step: int, values: Mapping[str, float]) -> None:
        """One batch, all with the same step and time."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        self._client.log_batch(
            self.id,
            metrics=[Metric(key, float(value), now, step) for key, value in values.items()],
        )

    def table(self, name: str, columns: Mapping[str, list[Any]]) -> None:
        """As MLflow's own table artifact, which the UI shows and compares."""
        self._client.log_table(self.id, data=dict(columns), artifact_file=f"{name}.json")

    def seal(self, tags: Mapping[str, str]) -> None:
        """Add the tags and end the run as FINISHED."""
        for key, value in (dict(tags) | {"state": SEALED}).items():
            self._client.set_tag(self.id, f"memest.{key}", value)
        self._client.set_terminated(self.id, "FINISHED")

    def fail(self, reason: str, killed: bool = False) -> None:
        """Tag the reason and end the run as FAILED, or KILLED."""
        self._client.set_tag(self.id, "memest.error", reason)
        self._client.set_tag(self.id, "memest.state", "killed" if killed else "failed")
        self._client.set_terminated(self.id, "KILLED" if killed else "FAILED")

    def _dataset(self, name: str, fingerprint: str) -> None:
        from mlflow.entities import Dataset, DatasetInput, InputTag

        source = json.dumps({"spec": name, "fingerprint": fingerprint})
        dataset = Dataset(name=name, digest=fingerprint[:32], source_type="memest", source=source)
        context = InputTag(key="mlflow.data.context", value="training")
        self._client.log_inputs(self.id, datasets=[DatasetInput(dataset=dataset, tags=[context])])
