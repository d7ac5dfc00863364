"""A platform to break: a real S3 store and a real MLflow server, runs in processes of their own.

Every fault works in a folder and an experiment of its own; the servers are shared unless it breaks them
for good.
"""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from mlflow import MlflowClient

from memest import services
from memest.services import Folder, Wanted
from memest.store import LocalBlobs
from memest.store.artifacts import ArtifactBlobs
from memest.tracking import SEALED

PROJECT = Path(__file__).parent.parent
EPOCHS = 10
SETTINGS = {
    "data": "digits",
    "limit": "400",
    "corruption": "symmetric_noise(rate=0.05)",
    "epochs": str(EPOCHS),
    "scores": "logits, input_gradient",
    "checkpoints": "every(k=3)",
    "device": "cpu",
}
MEMEST = [sys.executable, "-c", "from memest.cli import main; raise SystemExit(main())"]
PATIENCE = {
    "MEMEST_GATHER": "1",
    "MEMEST_HEARTBEAT": "2",
    "MEMEST_LONGEST_PAUSE": "1",
    "OMP_NUM_THREADS": "1",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}
"""A few seconds instead of many, so that faults do not take hours; and one thread for every run."""


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    said: str


class Site:
    """One fault's place.

    Args:
        root: an empty folder.
        folder: of running services.
        undisturbed: the blobs of the same run, never disturbed, without a server.
    """

    def __init__(self, root: Path, folder: Folder, undisturbed: Mapping[str, bytes]) -> None:
        self.root, self.services, self.undisturbed = root, folder, undisturbed
        self.experiment = f"faults-{uuid.uuid4().hex[:8]}"
        root.mkdir(parents=True, exist_ok=True)

    @property
    def home(self) -> Path:
        """Where runs keep their working files."""
        return self.root / "home"

    @property
    def environment(self) -> dict[str, str]:
        """Of every command: the services', and nothing of another platform."""
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "MLFLOW_", "MEMEST_"))}
        own = {"MEMEST_HOME": str(self.home), "PYTHONPATH": str(PROJECT), "MEMEST_RESUME_EVERY_EPOCH": "1"}
        path = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
        return clean | path | services.exports(self.services) | PATIENCE | own

    @property
    def client(self) -> MlflowClient:
        """A client of the tracking server; this process takes the services' environment for it."""
        os.environ.update({k: v for k, v in self.environment.items() if k.startswith(("AWS_", "MLFLOW_"))})
        boto3.DEFAULT_SESSION = None  # it keeps the first credentials it finds
        return MlflowClient(self.environment["MLFLOW_TRACKING_URI"])

    def start(self, command: list[str] | None = None, **environment: str) -> subprocess.Popen[str]:
        """A training run, or another command, in a process of its own."""
        return subprocess.Popen(
            command or train_command(self.experiment),
            cwd=self.root,
            env=self.environment | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, command: list[str] | None = None, seconds: float = 180, **environment: str) -> Ended:
        """The same, to its end."""
        process = self.start(command, **environment)
        said, _ = process.communicate(timeout=seconds)
        return Ended(process.returncode, said)

    def stop(self, name: str) -> None:
        """Kill one of the two servers, all its processes."""
        self.services.processes()[name].stop(0)

    def up(self) -> None:
        """Start what does not run."""
        services.up(Wanted(), self.services)

    def runs(self) -> list[Any]:
        """All runs of this fault's experiment."""
        experiment = self.client.get_experiment_by_name(self.experiment)
        return list(self.client.search_runs([experiment.experiment_id])) if experiment else []

    def assert_as_undisturbed(self) -> str:
        """One sealed run, the same bytes, one point per metric and epoch, nothing left running."""
        runs = self.runs()
        sealed = [run for run in runs if run.data.tags.get("memest.state") == SEALED]
        assert len(sealed) == 1, f"{len(sealed)} sealed runs"
        assert not [run for run in runs if run.info.status == "RUNNING"], "an orphan is RUNNING"
        (run,) = sealed
        blobs = ArtifactBlobs(self.client, run.info.run_id)
        for name, content in self.undisturbed.items():
            assert blobs.get(name) == content, f"{name} has other bytes"
        for metric in run.data.metrics:
            steps = Counter(point.step for point in self.client.get_metric_history(run.info.run_id, metric))
            assert max(steps.values()) == 1, f"{metric} has two points at one epoch"
        epochs = {point.step for point in self.client.get_metric_history(run.info.run_id, "test/loss")}
        assert epochs == set(range(EPOCHS + 1)), f"test/loss has epochs {sorted(epochs)}"
        return "same bytes, every point once, nothing RUNNING"


def train_command(experiment: str, **settings: str) -> list[str]:
    """The command of the run that every fault disturbs, with other settings where they are given."""
    given = SETTINGS | {"experiment": experiment} | settings
    flags = [text for name, value in given.items() for text in (f"--{name}", value)]
    return [sys.executable, "-m", "entrypoints.train", *flags]


def undisturbed(root: Path) -> dict[str, bytes]:
    """Every file of the sheet, and every checkpoint, of the run without a server and without a fault.

    It is trained at `root` unless it lies there.
    """
    if not root.exists():
        root.mkdir(parents=True)
        environment = os.environ | PATIENCE | {"MEMEST_HOME": str(root), "PYTHONPATH": str(PROJECT)}
        subprocess.run(train_command("none", tracking="off"), cwd=root, env=environment, check=True)
    (local,) = root.glob("runs/*/local")
    blobs = LocalBlobs(local / "blobs")
    return {name: blobs.get(name) for folder in ("sheet", "checkpoint") for name in blobs.names(folder)}
