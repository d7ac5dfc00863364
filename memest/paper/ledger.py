"""The ledger of reproduction: each number of ours with the runs it comes from, kept as JSON.

    findings → entries (`cells`) → JSON under analysis/results → docs/reproduction.md (`ledger_page`)

A number of ours has run ids or it does not exist: an entry without any is refused.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np

from memest.errors import DataError


@dataclass(frozen=True)
class LedgerEntry:
    """One number of ours.

    Attributes:
        table: `mislabeled`, `duplicates`, `similarity`, `cross_architecture` or `leak_audit`.
        dataset: the paper's dataset that it answers to, such as `CIFAR-100`; empty if none.
        column: of the paper's table: `5 %`, `both`, or `all, cosine`.
        method: the paper's name of it, else ours.
        value: the number.
        spread: standard deviation over seeds, or over pairs of runs; None for one.
        seeds: how many training seeds; 0 for a baseline that no seed has a part in, calculated once.
        pairs: of runs that the value is a mean over; 0 where it is over runs. Pairs share runs.
        scale: smoke, small, medium or full, in words.
        what: dataset, corruption, model and epochs of the runs.
        source: digest of the runs' clean images and labels; empty where it was not kept.
        definitions: version of the definitions of the scores; empty for runs from before there was one.
        commit: of the code that made them.
        runs: their ids.
        reason: in what the runs depart from the paper; empty if in nothing.

    Raises:
        DataError: it names no run, or the value is not a number.
    """

    table: str
    dataset: str
    column: str
    method: str
    value: float
    spread: float | None
    seeds: int
    pairs: int
    scale: str
    what: str
    source: str
    definitions: str
    commit: str
    runs: tuple[str, ...]
    reason: str

    def __post_init__(self) -> None:
        if not self.runs or not all(self.runs):
            raise DataError(
                f"the {self.table} cell {self.dataset} {self.column} {self.method} names no run: a number "
                "without the runs it comes from does not go into the ledger"
            )
        if not np.isfinite(self.value):
            raise DataError(f"the {self.table} cell {self.dataset} {self.column} {self.method} is no number")


def write_entries(path: Path, found: Sequence[LedgerEntry]) -> None:
    """Keep entries as JSON, one object each, in a stable order."""
    rows = [asdict(entry) for entry in sorted(found, key=_order)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"entries": rows}, indent=1, ensure_ascii=False) + "\n")


def read_entries(folder: Path) -> list[LedgerEntry]:
    """All entries under a folder, file by file.

    Raises:
        DataError: a file that is none of ours, or an entry without runs.
    """
    found = []
    for path in sorted(folder.glob("*.json")):
        try:
            rows = json.loads(path.read_text())["entries"]
            names = {field.name for field in fields(LedgerEntry)}
            if odd := [row for row in rows if set(row) != names]:
                raise DataError(
                    f"{path} has an entry with {', '.join(sorted(odd[0]))}; it needs {sorted(names)}"
                )
            found += [LedgerEntry(**row | {"runs": tuple(row["runs"])}) for row in rows]
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path} is not a ledger file ({type(error).__name__}): write it anew") from error
    return sorted(found, key=_order)


def _order(entry: LedgerEntry) -> tuple[str, ...]:
    return (
        entry.table,
        entry.dataset,
        entry.what,
        entry.column,
        entry.method,
        entry.scale,
        entry.definitions,
    )
