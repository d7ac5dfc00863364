"""What tests of sweeps share: tasks that do nothing much, grid files, and the runs that came of them."""

from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import yaml
from mlflow import MlflowClient

from memest.grammar.config import build
from memest.stages import sweep
from memest.sweep import ENGINES, Engine, Event, Task, run_tasks

SHORT = {"data": "digits", "limit": 200, "epochs": 2, "scores": "loss", "device": "cpu"}
_names = itertools.count()


def local(jobs: int = 2, threads: int = 1) -> Engine:
    """Processes of this machine."""
    engine: Engine = ENGINES.call(f"local(jobs={jobs}, threads={threads})", 0)
    return engine


def executed(tasks: Sequence[Task], engine: Engine, **more: Any) -> list[Event]:
    """Everything that happened."""
    return [event for events in run_tasks(tasks, engine, **more) for event in events]


def script(name: str, text: str, message: str = "''", state: str = "done") -> list[str]:
    """The words that run a module of this folder, which writes an outcome with the message at its end."""
    outcome = f"write_outcome(take_file(), Outcome({state!r}, message=str({message})))"
    Path(f"{name}.py").write_text(f"{text}\nfrom memest.outcome import *\n{outcome}\n")
    return [name]


def wait_for(condition: Callable[[], Any], seconds: float = 90) -> Any:
    """What `condition` gives, once it gives something."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return found


def grid_file(**parts: Any) -> str:
    """A grid file in this folder, of a fresh experiment."""
    name = f"sweep-{next(_names)}-{Path.cwd().name}"
    Path("grid.yaml").write_text(yaml.safe_dump({"experiment": name, "base": SHORT} | parts))
    return name


def runs_of(client: MlflowClient, name: str, stage: str = "train") -> list[Any]:
    """All runs of a stage."""
    found = client.get_experiment_by_name(name)
    query = f"tags.`memest.stage` = '{stage}'"
    return list(client.search_runs([found.experiment_id], query)) if found else []


def swept(**settings: Any) -> str:
    """Sweep the file of this folder."""
    return sweep.sweep(build(sweep.SweepConfig, {"file": "grid.yaml", "jobs": 2} | settings))


def states(runs: Sequence[Any]) -> Counter[str]:
    """How many runs are in which state."""
    return Counter(run.data.tags["memest.state"] for run in runs)
