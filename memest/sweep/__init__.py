"""A grid of configurations → runs, on the cores of one machine or on a Ray cluster.

`planning`, `training` and `report` need torch and are imported by name.
"""

from memest.sweep import ray as ray
from memest.sweep.engines import ENGINES, Engine
from memest.sweep.grid import Grid, Sweep, overrides_of, read_sweep
from memest.sweep.preset import SCALES, Preset, presets, read_preset
from memest.sweep.queue import RETRIES, Event, State, run_tasks
from memest.sweep.status import Status, TaskStatus, entry_line
from memest.sweep.task import Result, Task

__all__ = [
    "ENGINES",
    "RETRIES",
    "SCALES",
    "Engine",
    "Event",
    "Grid",
    "Preset",
    "Result",
    "State",
    "Status",
    "Sweep",
    "Task",
    "TaskStatus",
    "entry_line",
    "overrides_of",
    "presets",
    "read_preset",
    "read_sweep",
    "run_tasks",
]
