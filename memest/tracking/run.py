"""One run, as the stages see it: a place for settings, metrics, bytes and the outcome.

Two kinds answer the same calls: `LocalRun` keeps its journal in a folder, `MlflowRun` also has it delivered
to a tracking server. A stage need not know which of them it got.
"""

from __future__ import annotations

import getpass
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from memest.errors import SheetError
from memest.store.blobs import Blobs
from memest.version import commit, versions

AXES = ("dataset", "limit", "corruption", "model", "protocol", "epochs", "recipe", "seed")
"""The tags that queries filter and group by."""
HOUSEKEEPING = "mlflow.memest."
"""What the tags of memest's housekeeping begin with: MLflow's UI shows no tag that begins with `mlflow.`."""
_HIDDEN = ("key", "order", "source", "fingerprint", "version", "scores_version")
COLOUR = "mlflow.runColor"
"""The tag in which MLflow's UI keeps the colour of a run."""
_EARLIER = ("memest.", "memest.work.")
"""What they began with in earlier versions."""
OFF, OFFLINE = "off", "offline"
COMMIT = "mlflow.source.git.commit"
PARENT = "MEMEST_PARENT_RUN"
"""The environment variable that names the run below which new ones lie."""


def is_local(tracking: str) -> bool:
    """Whether runs are kept on this machine, without a server: `offline`, or `off`, which means the same."""
    return tracking in (OFF, OFFLINE)


def tag(name: str) -> str:
    """The tag that a run carries a fact under: out of sight in the UI where it is housekeeping."""
    return f"{HOUSEKEEPING if name in _HIDDEN else 'memest.'}{name}"


def hidden(tags: Mapping[str, str], name: str) -> str | None:
    """A housekeeping tag, under the name that it has or had in earlier versions."""
    found = (tags.get(f"{prefix}{name}") for prefix in (HOUSEKEEPING, *_EARLIER))
    return next((value for value in found if value is not None), None)


def facts(tags: Mapping[str, str]) -> dict[str, str]:
    """All that the tags of a run say, without prefixes."""
    named = {name: value for name, value in tags.items() if name.startswith(("memest.", HOUSEKEEPING))}
    return {name.removeprefix(HOUSEKEEPING).removeprefix("memest."): value for name, value in named.items()}


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
        colour: of the run in the UI's charts, `#rrggbb`; empty: MLflow chooses one.
    """

    stage: str
    key: str
    name: str
    settings: Mapping[str, Any]
    tags: Mapping[str, str]
    note: str
    dataset: tuple[str, str] | None = None
    colour: str = ""

    def all_tags(self) -> dict[str, str]:
        """Every tag, with its prefix."""
        axes = dict(self.tags) | {"stage": self.stage, "key": self.key}
        axes |= versions()
        if self.dataset:
            axes["fingerprint"] = self.dataset[1]
        shown = {COLOUR: self.colour} if self.colour else {}
        return {tag(name): value for name, value in axes.items()} | shown


class Run(Protocol):
    """Where a stage puts what it finds."""

    id: str
    blobs: Blobs

    def begin(self, about: About) -> None:
        """Write what the run is about: name, settings, tags, description."""
        ...

    def log_metrics(self, step: int, values: Mapping[str, float]) -> None:
        """Numbers of one epoch; of a name and epoch the first value stays."""
        ...

    def table(self, name: str, columns: Mapping[str, list[Any]]) -> None:
        """A small table for people to look at."""
        ...

    def seal(self, tags: Mapping[str, str]) -> None:
        """Finished and whole; `tags` are added."""
        ...

    def fail(self, reason: str, state: str = "failed") -> None:
        """Ended early, and why; `failed`, or ended on purpose: `killed`, `pruned`."""
        ...

    def sync(self) -> None:
        """Force what was said so far to this machine's disk."""
        ...

    def close(self) -> None:
        """Return when the run is safe: delivered, or, without a server, on the disk.

        Raises:
            UndeliveredError: it has not; the message says how it is delivered.
        """
        ...


class DoneRun:
    """A run that was finished before: it can be read, and nothing can be added."""

    def __init__(self, run_id: str, blobs: Blobs) -> None:
        self.id, self.blobs = run_id, blobs

    def begin(self, about: About) -> None:
        """Refused."""
        raise self._refusal()

    def log_metrics(self, step: int, values: Mapping[str, float]) -> None:
        """Refused."""
        raise self._refusal()

    def table(self, name: str, columns: Mapping[str, list[Any]]) -> None:
        """Refused."""
        raise self._refusal()

    def seal(self, tags: Mapping[str, str]) -> None:
        """Refused."""
        raise self._refusal()

    def fail(self, reason: str, state: str = "failed") -> None:
        """Nothing: a finished run stays finished."""

    def sync(self) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""

    def _refusal(self) -> SheetError:
        return SheetError(
            f"run {self.id} is finished and does not change; change a setting to get another run"
        )


def write_columns(columns: Mapping[str, list[Any]]) -> bytes:
    """A table as MLflow keeps it, pandas' `split` form; what is no finite number is null."""
    rows = [[_plain(cell) for cell in row] for row in zip(*columns.values(), strict=True)]
    return json.dumps({"columns": list(columns), "data": rows}).encode()


def read_columns(content: bytes) -> dict[str, list[Any]]:
    """The columns of a table that a run kept.

    Raises:
        SheetError: it is none.
    """
    try:
        table = json.loads(content)
        return {name: [row[n] for row in table["data"]] for n, name in enumerate(table["columns"])}
    except (ValueError, LookupError, TypeError) as error:
        raise SheetError(f"a table of a run cannot be read ({type(error).__name__})") from error


def _plain(cell: Any) -> Any:
    return None if isinstance(cell, float) and not math.isfinite(cell) else cell


def origin_tags(stage: str) -> dict[str, str]:
    """MLflow's own tags for user, source and, where memest runs from its repository, commit.

    Not for a run that `mlflow run` made: it has them already.
    """
    tags = {"mlflow.source.name": f"memest {stage}", "mlflow.source.type": "LOCAL"}
    return tags | _user() | ({COMMIT: commit()} if commit() else {})


def _user() -> dict[str, str]:
    try:
        return {"mlflow.user": getpass.getuser()}
    except (OSError, KeyError):  # a user id without a name, as in some containers
        return {}
