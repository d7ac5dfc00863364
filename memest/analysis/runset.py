"""A set of finished runs, opened lazily and joined by example id. Depends on `store` and numpy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby

import numpy as np

from memest.errors import SheetError
from memest.store import Blobs, SheetReader
from memest.store.tables import FACTS, Columns
from memest.summaries import against_others


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
        """One row per example; columns that `score` added later are joined by id.

        What the run measured itself comes first, then the sheets that cover the most epochs.

        Raises:
            SheetError: a later sheet measured other labels than this run was trained on.
        """
        columns = dict(self.sheet.summary())
        order = np.argsort(columns["id"])
        for sheet in self.sheets[1:]:
            later = sheet.summary()
            if set(later["id"].tolist()) != set(columns["id"].tolist()):
                raise SheetError(f"a score run of {self.id} holds other examples than the run itself")
            place = np.empty(len(order), np.int64)
            place[order] = np.argsort(later["id"])
            columns |= {name: values[place] for name, values in later.items() if name not in columns}
        return columns

    @property
    def summaries(self) -> list[str]:
        """The names of the summaries it has, but those against other labels than it was trained on."""
        return [name for name in self.summary if name not in FACTS and not against_others(name)]


def _epochs_covered(sheet: SheetReader) -> int:
    return max(len(entry["epochs"]) for entry in sheet.manifest.scores.values())


class RunSet(Sequence[RunRecord]):
    """Finished runs, grouped by any of their axes."""

    def __init__(self, runs: Sequence[RunRecord]) -> None:
        self.runs = list(runs)

    def __getitem__(self, place):  # type: ignore[no-untyped-def]  # int and slice, as Sequence has it
        return self.runs[place]

    def __len__(self) -> int:
        return len(self.runs)

    def group_by(self, *axes: str) -> Iterator[tuple[tuple[str, ...], RunSet]]:
        """Runs with equal values of `axes`, in the order of those values."""

        def values(run: RunRecord) -> tuple[str, ...]:
            return tuple(run.tags.get(axis, "") for axis in axes)

        for group, runs in groupby(sorted(self.runs, key=values), values):
            yield group, RunSet(list(runs))
