"""The run of a sweep: its description, the table of its runs, and whether all are finished."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from memest.errors import BusyError, SweepError
from memest.grammar.config import digest, flatten
from memest.runs.config import TrainConfig
from memest.sweep.grid import Sweep
from memest.sweep.planning import SweepPlan
from memest.sweep.queue import RETRIES
from memest.sweep.status import Status, TaskStatus
from memest.tracking import About, Opened
from memest.version import versions

_COLUMNS = ("name", "state", "run", "tries", "seconds", "why")
_NAMED = 3


def about_sweep(wanted: Sweep[TrainConfig], found: SweepPlan, title: str) -> About:
    """The description of a sweep; the same configurations are the same sweep."""
    configs = [flatten(config) for grid in wanted.grids for config in grid.configs]
    names = "\n".join(f"- {name}" for name in [*found.done, *found.todo][:100])
    return About(
        stage="sweep",
        key=digest("sweep", versions(), *sorted(digest(config) for config in configs)),
        name=f"{title}: {found.count} runs",
        settings={"runs": found.count},
        tags={"sweep": title},
        note=f"**{title}**, {found.count} runs; the state of each: the last of `tables/runs-…`.\n\n{names}",
    )


def keep_table(opened: Opened, found: SweepPlan, entries: Mapping[str, TaskStatus]) -> None:
    """Keep the state of each run as a table of the sweep's own run: one for each time it was made."""
    if opened.done:
        return
    before = [(name, "done before", run_id, 0, 0.0, "") for name, run_id in found.done.items()]
    rows = [*before, *(_row(name, entry) for name, entry in entries.items())]
    columns: dict[str, list[Any]] = {
        column: [row[place] for row in rows] for place, column in enumerate(_COLUMNS)
    }
    attempt = len(opened.run.blobs.names("tables")) + 1
    opened.run.table(f"tables/runs-{attempt}", columns)


def require_all(status: Status) -> None:
    """Refuse to call a sweep done before all its runs are finished.

    Raises:
        SweepError: some failed.
        BusyError: other processes are at work on some.
    """
    failed, busy = status.of("failed"), status.of("busy")
    if failed:
        reasons = "; ".join(f"{name}: {entry.message}" for name, entry in list(failed.items())[:_NAMED])
        reasons += "; …" if len(failed) > _NAMED else ""
        raise SweepError(
            f"{len(failed)} of {len(status.entries)} runs failed, each tried {RETRIES + 1} times "
            f"({reasons}); the same command tries them again and leaves the others"
        )
    if busy:
        raise BusyError(
            f"{len(busy)} of {len(status.entries)} runs are at work in other processes, the others are done: "
            "the same command again finds out what became of them"
        )


def _row(name: str, entry: TaskStatus) -> tuple[Any, ...]:
    run, why = (entry.message, "") if entry.state == "done" else ("", entry.message)
    return name, entry.state, run, entry.tries, entry.seconds, why
