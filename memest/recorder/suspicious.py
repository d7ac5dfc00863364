"""The examples of a recording whose labels are most suspicious, as a small table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from memest.detect import RANKED, rank
from memest.errors import UnknownNameError, optional_packages
from memest.recorder.recorded import RecorderView
from memest.store.tables import Columns

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Suspicious:
    """A table, most suspicious first.

    Attributes:
        columns: by name: `id`, `name` where examples have names, `label`, the score under its own name, and
            `suggested`, the most probable other class over all visits, with its mean `probability`.
    """

    columns: dict[str, list[Any]]

    def __len__(self) -> int:
        return len(self.columns["id"])

    def __getitem__(self, column: str) -> list[Any]:
        return self.columns[column]

    def __str__(self) -> str:
        cells = [[_cell(value) for value in column] for column in self.columns.values()]
        widths = [max(map(len, [name, *column])) for name, column in zip(self.columns, cells, strict=True)]
        rows = [list(self.columns), *map(list, zip(*cells, strict=True))]
        return "\n".join("  ".join(map(str.rjust, row, widths)) for row in rows)

    @classmethod
    def empty(cls) -> Suspicious:
        """The table of a process that keeps no recording."""
        return cls({"id": [], "label": []})

    @optional_packages()
    def to_pandas(self) -> pd.DataFrame:
        """The same as a DataFrame."""
        import pandas as pd

        return pd.DataFrame(self.columns)


def worst(recorder: RecorderView, summaries: Columns, count: int, by: str | None = None) -> Suspicious:
    """The `count` most suspicious examples of a recording by one of its summaries.

    Raises:
        UnknownNameError: there is no such summary.
    """
    name = by or next((name for name in RANKED if name in summaries), RANKED[0])
    if name not in summaries:
        raise UnknownNameError("summary of this recording", name, summaries)
    examples, labels, classes = recorder.examples, recorder.observed.labels, recorder.classes
    chosen = rank(name, summaries[name])[:count]
    columns: dict[str, list[Any]] = {"id": examples.ids[chosen].tolist()}
    if examples.names:
        columns["name"] = [examples.names[n] for n in chosen]
    columns["label"] = [classes[labels[n]] for n in chosen]
    columns[name] = [float(value) for value in summaries[name][chosen]]
    if suggested := recorder.observed.suggestions():
        found, probability = suggested
        columns["suggested"] = [classes[n] for n in np.asarray(found)[chosen]]
        columns["probability"] = [float(value) for value in probability[chosen]]
    return Suspicious(columns)


def _cell(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
