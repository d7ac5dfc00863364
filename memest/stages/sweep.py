"""Train every configuration of a grid file that has no finished run yet, each in a process of its own."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memest.errors import BusyError, SettingError, SweepError
from memest.grammar.config import digest, flatten
from memest.runs.config import TrainConfig
from memest.stages.config import SweepConfig, Where
from memest.sweep import (
    RETRIES,
    Board,
    Ended,
    Engine,
    Entry,
    State,
    Sweep,
    Task,
    carry_out,
    read_sweep,
)
from memest.sweep.console import Screen
from memest.sweep.planning import Plan, plan
from memest.tracking import About, Opened, children_of, open_run, several_runs

ELSEWHERE = ("AWS_", "MLFLOW_", "MEMEST_")
"""Variables by which a run reaches server and store; on a cluster they go with it."""
_NAMED = 3
_OUTCOME = re.compile(r"^run (\S+) (?:is done|was done before)$", re.MULTILINE)


def sweep(config: SweepConfig) -> str:
    """Train what is missing, and say what became of it.

    Raises:
        InputError: before anything is trained, if the file asks for what cannot be done.
        SweepError: some runs failed; all others are finished.
        BusyError: some are at work in other processes; all others are finished.
    """
    if not config.file:
        raise SettingError("a grid file is needed: memest sweep grid.yaml")
    wanted = read_sweep(Path(config.file), TrainConfig)
    with several_runs() as conclude:
        swept = carry_through(wanted, config.where, Path(config.file).stem)
        conclude(swept.run_id)
    return swept.text


@dataclass(frozen=True)
class Swept:
    """What became of a sweep, and the run that its runs are shown under."""

    text: str
    run_id: str


def carry_through(wanted: Sweep[TrainConfig], where: Where, title: str) -> Swept:
    """Train what is missing of a sweep under a run of its own, which holds the table of all.

    Raises:
        InputError, SweepError, BusyError: see `sweep`.
    """
    uri, screen = where.uri, Screen(sys.stderr)
    where.spec()
    found = plan(wanted, uri)
    screen.say(found.remarks)
    if found.done:
        screen.say([f"{len(found.done)} of {found.count} runs are done already"])
    engine = where.start() if found.todo else None
    with open_run(about_sweep(wanted, found, title), uri, wanted.experiment) as opened:
        if engine is None:
            text = f"all {found.count} runs are done"
            _keep_table(opened, found, {})
        else:
            with children_of(opened.run.id):
                board = train_all(found, engine, uri, screen)
            text = board.summary()
            _keep_table(opened, found, board.entries)
            _require_all(board)
        if not opened.done:
            opened.run.seal({})
    return Swept(f"{text}\n\nexperiment {wanted.experiment}, under run {opened.run.id}", opened.run.id)


def about_sweep(wanted: Sweep[TrainConfig], found: Plan, title: str) -> About:
    """The description of a sweep; the same configurations are the same sweep."""
    configs = [flatten(config) for grid in wanted.grids for config in grid.configs]
    names = "\n".join(f"- {name}" for name in [*found.done, *found.todo][:100])
    return About(
        stage="sweep",
        key=digest("sweep", *sorted(digest(config) for config in configs)),
        name=f"{title}: {found.count} runs",
        settings={"runs": found.count},
        tags={"sweep": title},
        note=f"**{title}**, {found.count} runs; what became of each: the last of `tables/runs-…`.\n\n{names}",
    )


def train_all(found: Plan, engine: Engine, uri: str, screen: Screen) -> Board:
    """Train every configuration that is to be done, shown as it goes on; what became of each.

    Interrupted, it ends what still runs and waits for it.
    """
    environment = {n: v for n, v in os.environ.items() if n.startswith(ELSEWHERE)}
    environment |= {"MLFLOW_TRACKING_URI": uri}
    tasks = [Task(name, train_arguments(config), environment) for name, config in found.todo.items()]
    board = Board([task.name for task in tasks], lambda: engine.slots)
    for events in carry_out(tasks, engine, judge):
        for event in events:
            board.note(event)
        screen.show(board, events)
    return board


def train_arguments(config: TrainConfig) -> list[str]:
    """The words of `python -m` that train this configuration; where it is tracked the environment says."""
    settings = {name: value for name, value in flatten(config).items() if name != "tracking"}
    return ["memest", "train", *(f"--{name.replace('_', '-')}={_word(v)}" for name, v in settings.items())]


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) or value is None else str(value)


def judge(ended: Ended) -> tuple[State, str]:
    """What became of a training process, and its run or its reason."""
    if ended.code:
        return "failed", _reason(ended)
    finished = _OUTCOME.search(ended.out)
    return ("done", finished[1]) if finished else ("busy", _last(ended.out))


def _reason(ended: Ended) -> str:
    ours = [line for line in ended.err.splitlines() if line.startswith("memest: ")]
    if ended.code < 0:
        return f"ended by signal {-ended.code} ({signal.strsignal(-ended.code)})"
    return ours[-1].removeprefix("memest: ") if ours else _last(ended.err) or f"exit code {ended.code}"


def _last(text: str) -> str:
    return next((line.removeprefix("memest: ") for line in reversed(text.splitlines()) if line.strip()), "")


def _keep_table(opened: Opened, found: Plan, entries: Mapping[str, Entry]) -> None:
    """What became of each run, as a table of the sweep's own run: one for each time it was made."""
    if opened.done:
        return
    columns: dict[str, list[Any]] = {
        "name": [],
        "state": [],
        "run": [],
        "tries": [],
        "seconds": [],
        "why": [],
    }
    before = [(name, "done before", run_id, 0, 0.0, "") for name, run_id in found.done.items()]
    now = [
        (
            name,
            e.state,
            *((e.said, e.tries, e.seconds, "") if e.state == "done" else ("", e.tries, e.seconds, e.said)),
        )
        for name, e in entries.items()
    ]
    for row in (*before, *now):
        for column, cell in zip(columns.values(), row, strict=True):
            column.append(cell)
    attempt = len(opened.run.blobs.names("tables")) + 1
    opened.run.table(f"tables/runs-{attempt}", columns)


def _require_all(board: Board) -> None:
    """Nothing, if all runs are finished.

    Raises:
        SweepError: some failed.
        BusyError: others are at work on some.
    """
    failed, busy = board.of("failed"), board.of("busy")
    if failed:
        reasons = "; ".join(f"{name}: {entry.said}" for name, entry in list(failed.items())[:_NAMED])
        reasons += "; …" if len(failed) > _NAMED else ""
        raise SweepError(
            f"{len(failed)} of {len(board.entries)} runs failed, each tried {RETRIES + 1} times ({reasons}); "
            "the same command tries them again and leaves the others"
        )
    if busy:
        raise BusyError(
            f"{len(busy)} of {len(board.entries)} runs are at work in other processes, the others are done: "
            "the same command again finds out what became of them"
        )
