"""One finished training run: its tags, and its sheets, opened when they are asked for and joined by id."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memest.detect.evaluation import Evaluation, evaluation_of, judged
from memest.detect.traces import computable, computed
from memest.errors import MemestError, SheetError
from memest.ids import Ids, Places
from memest.store import Blobs, SheetReader
from memest.store.tables import Columns
from memest.tracking import AXES

_COUNTS = ("limit", "epochs", "seed")
_JUDGED = ("auroc", "average_precision", "fpr95")


@dataclass
class RunRecord:
    """One finished training run.

    Attributes:
        id: of the run.
        name: for people.
        tags: the axes, without the `memest.` prefix.
        metrics: the latest value of each.
        blobs: its artifacts.
        further: artifacts of the runs in which `score` measured it again, by their ids.
    """

    id: str
    name: str
    tags: dict[str, str]
    metrics: dict[str, float]
    blobs: Blobs
    further: Mapping[str, Blobs] = field(default_factory=dict)

    @cached_property
    def sheet(self) -> SheetReader:
        """The score sheet of the run itself."""
        return SheetReader.open(self.blobs)

    @cached_property
    def sheets(self) -> list[SheetReader]:
        """Its own sheet, then those that `score` made, the ones that cover the most epochs first.

        Raises:
            SheetError: a later sheet measured other images or labels than this run was trained on.
        """
        later = [SheetReader.open(blobs) for blobs in self.further.values()]
        for sheet in later:
            sheet.require(self.sheet.manifest.header.fingerprint, f"a score run of {self.id}")
        return [self.sheet, *sorted(later, key=_epochs_covered, reverse=True)]

    @cached_property
    def summary(self) -> Columns:
        """One row per example, every column, kept in memory; `read` gives some of them and keeps nothing."""
        return self.read()

    @cached_property
    def names(self) -> list[str]:
        """The columns of `summary`: those of the run itself, then what `score` added."""
        return list(dict.fromkeys(name for _, names in self._sheets for name in names))

    @property
    def summaries(self) -> list[str]:
        """The summaries and detectors it has, but summaries against other labels than it was trained on.

        Where the run stored its evaluation, they are those that it judged, and no table is read.
        """
        return list(dict.fromkeys(name for _, names in self._judged for name in names))

    def sheet_of(self, summary: str) -> SheetReader:
        """The sheet from which a summary of `summaries` is read: the first that has it.

        Raises:
            SheetError: none has.
        """
        for sheet, names in self._judged:
            if summary in names:
                return sheet
        raise SheetError(f"run {self.id} has no {summary!r} (it has {', '.join(self.summaries)})")

    @cached_property
    def evaluations(self) -> list[Evaluation]:
        """What each of its sheets found of the truth, in their order: stored, else from the columns.

        Empty where no label was changed.
        """
        if self.tags.get("corruption") == "none":
            return []
        return [found for sheet in self.sheets if (found := evaluation_of(sheet)) is not None]

    def row(self) -> dict[str, Any]:
        """What it is and what it found, by column: its axes, its latest metrics and its evaluations.

        Of an evaluation `auroc/<name>`, `average_precision/<name>` and `fpr95/<name>` of every summary.
        """
        axes: dict[str, Any] = {axis: self.tags.get(axis, "") for axis in AXES}
        axes |= {axis: int(axes[axis]) for axis in _COUNTS if axes[axis].isdecimal()}
        judged = {
            f"{what}/{name}": value
            for evaluation in reversed(self.evaluations)
            for name, found in evaluation.found.items()
            for what, value in found.figures().items()
            if what in _JUDGED
        }
        return {"run": self.id, "name": self.name} | axes | dict(sorted((self.metrics | judged).items()))

    def read(self, names: Collection[str] | None = None) -> Columns:
        """Columns of `summary`, one row per example: those asked for, or all.

        What the run measured itself comes first, then the sheets that cover the most epochs; columns that
        `score` added later are joined by id.

        A summary that no table has is made from the traces: one that is newer than the run, or at other
        settings, such as `csl(start=5)`.

        Raises:
            SheetError: there is no such column, or a later sheet measured other examples.
        """
        wanted = list(self.names if names is None else names)
        found: Columns = {name: self._computed(name) for name in wanted if name not in self.names}
        for number, (sheet, there) in enumerate(self._sheets):
            mine = [name for name in wanted if name in there and name not in found]
            if number == 0:
                found |= sheet.summary(mine) if mine else {}
            elif mine:
                later = sheet.summary(["id", *mine])
                place = self._place(later["id"])
                found |= {name: later[name][place] for name in mine}
        return {name: found[name] for name in wanted}

    def read_by_id(self, names: Collection[str]) -> Columns:
        """The same columns, and `id`, the examples in the order of their ids.

        Raises:
            SheetError: there is no such column, or a later sheet measured other examples.
        """
        return by_id(self.read(dict.fromkeys(["id", *names])), f"run {self.id}")

    def _computed(self, name: str) -> NDArray[Any]:
        why = "it did not measure the scores of a summary called so"
        for number, sheet in enumerate(self.sheets):
            if computable(sheet, name):
                try:
                    values_N = computed(sheet, name)
                except MemestError as error:  # other epochs, or examples that were not always seen
                    why = str(error)
                    continue
                return values_N if number == 0 else values_N[self._place(sheet.summary(["id"])["id"])]
        raise SheetError(
            f"run {self.id} has no column {name!r} (it has {', '.join(sorted(self.names))}): {why}"
        )

    @cached_property
    def _sheets(self) -> list[tuple[SheetReader, list[str]]]:
        """The sheets with their columns."""
        return [(sheet, sheet.summary_names()) for sheet in self.sheets]

    @cached_property
    def _judged(self) -> list[tuple[SheetReader, list[str]]]:
        """The sheets with the summaries that can be judged, from a stored evaluation where there is one."""
        return [(sheet, _judged_names(sheet)) for sheet in self.sheets]

    def _place(self, later: NDArray[np.integer[Any]]) -> Places:
        """Where the run's own examples are among those of a later sheet, (N,)."""
        own = Ids(self.sheet.summary(["id"])["id"], f"run {self.id}", SheetError)
        return own.align(Ids(later, f"a score run of {self.id}", SheetError))


def _judged_names(sheet: SheetReader) -> list[str]:
    stored = sheet.evaluation()
    return judged(sheet.summary_names()) if stored is None else list(Evaluation.from_json(stored).found)


def _epochs_covered(sheet: SheetReader) -> int:
    return max((len(entry["epochs"]) for entry in sheet.manifest.scores.values()), default=0)


def by_id(columns: Columns, whose: str) -> Columns:
    """Rows in the order of their ids.

    Args:
        columns: `id` among them.
        whose: they are, for errors.

    Raises:
        SheetError: an id is there twice.
    """
    order = Ids(columns["id"], whose, SheetError).order
    return {name: values[order] for name, values in columns.items()}
