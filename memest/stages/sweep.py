"""Train every configuration of a grid file that has no finished run yet, each in a process of its own."""

from __future__ import annotations

import sys
from pathlib import Path

from memest.errors import SettingError
from memest.runs.config import TrainConfig
from memest.runs.possible import require_possible
from memest.stages.config import SweepConfig
from memest.sweep import read_sweep
from memest.sweep.console import Console
from memest.sweep.training import train_missing
from memest.tracking import look_at, several_runs


def sweep(config: SweepConfig) -> str:
    """Train what is missing, and report the state of each run.

    Raises:
        InputError: before anything is trained, if the file asks for what cannot be done.
        SweepError: some runs failed; all others are finished.
        BusyError: some are at work in other processes; all others are finished.
    """
    if not config.file:
        raise SettingError("a grid file is needed: memest sweep grid.yaml")
    wanted = read_sweep(Path(config.file), TrainConfig)
    require_possible(wanted.configs)
    where = config.where
    where.spec()
    uri = where.uri
    with several_runs() as conclude:
        title = Path(config.file).stem
        swept = train_missing(wanted, where.start, uri, title, Console(sys.stderr))
        conclude(swept.run_id)
    return f"{swept.text}\nside by side: {look_at(uri, wanted.experiment)}"
