"""Train what a sweep lacks, under a run of its own that holds a table of all."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from memest.grammar.config import flatten
from memest.runs.config import TrainConfig
from memest.sweep.console import Console
from memest.sweep.engines import Engine
from memest.sweep.grid import Sweep
from memest.sweep.planning import SweepPlan, plan_sweep
from memest.sweep.queue import run_tasks
from memest.sweep.report import about_sweep, keep_table, require_all
from memest.sweep.status import Status
from memest.sweep.task import Task
from memest.tracking import children_of, open_run

FORWARDED = ("AWS_", "MLFLOW_", "MEMEST_")
"""Variables by which a run reaches server and store; on a cluster they go with it."""


@dataclass(frozen=True)
class Swept:
    """A sweep whose runs are all finished: what to say, and the id of its own run."""

    text: str
    run_id: str


def train_missing(
    wanted: Sweep[TrainConfig], start: Callable[[], Engine], uri: str, title: str, console: Console
) -> Swept:
    """Train every configuration of a sweep that no finished run has.

    Args:
        wanted: the sweep.
        start: starts the engine; called only if there is something to train.
        uri: of the tracking server.
        title: of the sweep's own run.
        console: shows how it goes.

    Raises:
        InputError: before anything is trained, if the sweep asks for what cannot be done.
        SweepError: some runs failed; all others are finished.
        BusyError: other processes are at work on some runs; all others are finished.
    """
    found = plan_sweep(wanted, uri)
    console.say(found.remarks)
    if found.done:
        console.say([f"{len(found.done)} of {found.count} runs are done already"])
    engine = start() if found.todo else None
    with open_run(about_sweep(wanted, found, title), uri, wanted.experiment) as opened:
        if engine is None:
            text = f"all {found.count} runs are done"
            keep_table(opened, found, {})
        else:
            with children_of(opened.run.id):
                status = train_all(found, engine, uri, console)
            text = status.summary()
            keep_table(opened, found, status.entries)
            require_all(status)
        if not opened.done:
            opened.run.seal({})
    return Swept(f"{text}\n\nexperiment {wanted.experiment}, under run {opened.run.id}", opened.run.id)


def train_all(found: SweepPlan, engine: Engine, uri: str, console: Console) -> Status:
    """Train every configuration that is to be done; the status of each at the end.

    Interrupted, it terminates what still runs and waits for it.
    """
    environment = {n: v for n, v in os.environ.items() if n.startswith(FORWARDED)}
    environment |= {"MLFLOW_TRACKING_URI": uri}
    tasks = [Task(name, train_arguments(config), environment) for name, config in found.todo.items()]
    status = Status([task.name for task in tasks], lambda: engine.slots)
    for events in run_tasks(tasks, engine):
        for event in events:
            status.update(event)
        console.show(status, events)
    return status


def train_arguments(config: TrainConfig) -> list[str]:
    """The words of `python -m` that train a configuration; the environment says where it is tracked."""
    settings = {name: value for name, value in flatten(config).items() if name != "tracking"}
    return ["memest", "train", *(f"--{name.replace('_', '-')}={_word(v)}" for name, v in settings.items())]


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) or value is None else str(value)
