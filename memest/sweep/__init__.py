"""A grid of configurations → runs, on the cores of one machine or on a Ray cluster."""

from memest.sweep import ray as ray
from memest.sweep.board import Board, Entry, told
from memest.sweep.engines import ENGINES, Engine
from memest.sweep.grid import Grid, Sweep, overrides_of, read_sweep
from memest.sweep.queue import RETRIES, Event, State, carry_out
from memest.sweep.study import SCALES, Study, read_study, studies
from memest.sweep.task import Ended, Task

__all__ = [
    "ENGINES",
    "RETRIES",
    "SCALES",
    "Board",
    "Ended",
    "Engine",
    "Entry",
    "Event",
    "Grid",
    "State",
    "Study",
    "Sweep",
    "Task",
    "carry_out",
    "overrides_of",
    "read_study",
    "read_sweep",
    "studies",
    "told",
]
