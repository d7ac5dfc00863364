"""Runs on their way to MLflow.

`open_run` finds or begins a run and gives a `Run` to write into. What it is told goes into a `Journal` on
this machine's disk; a thread, `Delivery`, has a `Sender` log it on the server, and another, `Heartbeat`,
says that the run is alive. `deliver` sends what was left. `LocalRun` keeps its journal without a server.
"""

from memest.tracking.client import bare, check_tracking, connect, get_run, server_uri, tracking_uri
from memest.tracking.database import check_database
from memest.tracking.experiments import (
    check_named,
    existing_experiment,
    experiment_id,
    experiment_name,
    experiment_named,
    experiment_of,
    look_at,
    report_at,
)
from memest.tracking.find import sealed_runs
from memest.tracking.given import children_of, mark_busy, mark_refused, several_runs
from memest.tracking.journal import SEALED
from memest.tracking.local_run import LocalRun
from memest.tracking.lost import kept_runs, lost_runs
from memest.tracking.mlflow_run import MlflowRun
from memest.tracking.open import Opened, open_run, reason
from memest.tracking.owed import deliver
from memest.tracking.place import home
from memest.tracking.resume import ResumePoint
from memest.tracking.run import AXES, About, Run, facts, is_local, read_columns
from memest.tracking.shared import at_work_under
from memest.tracking.view import SUSPICIOUS, image_files, offer_report

__all__ = [
    "AXES",
    "SEALED",
    "SUSPICIOUS",
    "About",
    "LocalRun",
    "MlflowRun",
    "Opened",
    "ResumePoint",
    "Run",
    "at_work_under",
    "bare",
    "check_database",
    "check_named",
    "check_tracking",
    "children_of",
    "connect",
    "deliver",
    "existing_experiment",
    "experiment_id",
    "experiment_name",
    "experiment_named",
    "experiment_of",
    "facts",
    "get_run",
    "home",
    "image_files",
    "is_local",
    "kept_runs",
    "look_at",
    "lost_runs",
    "mark_busy",
    "mark_refused",
    "offer_report",
    "open_run",
    "read_columns",
    "reason",
    "report_at",
    "sealed_runs",
    "server_uri",
    "several_runs",
    "tracking_uri",
]
