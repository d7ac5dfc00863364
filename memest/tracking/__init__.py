"""The thin layer over MLflow: clients, runs, and finding a run by its key."""

from memest.tracking.client import connect, experiment_id, get_run, tracking_uri
from memest.tracking.open import OFF, Opened, home, mark_refused, open_run, reason, several_runs
from memest.tracking.run import AXES, SEALED, About, LocalRun, MlflowRun, Run

__all__ = [
    "AXES",
    "OFF",
    "SEALED",
    "About",
    "LocalRun",
    "MlflowRun",
    "Opened",
    "Run",
    "connect",
    "experiment_id",
    "get_run",
    "home",
    "mark_refused",
    "open_run",
    "reason",
    "several_runs",
    "tracking_uri",
]
