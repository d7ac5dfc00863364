"""What a sweep gains, costs and survives, on a real MLflow server.

Eight tiny runs by `memest sweep`, one at a time and two at a time, in turns: every sweep is of new runs and
is timed from the start of its process to the end. Runs of a minute or more by Ray on this machine, where it
is installed, and by processes. And a sweep that is killed at five random moments.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import random
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from mlflow import MlflowClient

from benchmarks.rows import Row, at_least, at_most, compared, publish
from benchmarks.timing import alternate
from memest import services
from memest.grammar.once import OnceParser
from memest.services import Folder, Wanted
from memest.store.artifacts import run_blobs

PROJECT = Path(__file__).parent.parent
JOBS_BAR, RAY_BAR = 1.7, 1.15
BASE = {"data": "digits", "model": "tiny", "device": "cpu"}


def main() -> None:
    """Measure, print, write JSON."""
    parser = OnceParser(__doc__)
    parser.add_argument("--store", choices=["minio", "seaweedfs"], default="seaweedfs")
    parser.add_argument("--pairs", type=int, default=3, help="of sweeps")
    parser.add_argument("--runs", type=int, default=8, help="of a sweep")
    parser.add_argument("--epochs", type=int, default=30, help="of a run")
    parser.add_argument("--long", type=int, default=300, help="epochs of a run of a minute or more")
    parser.add_argument("--kills", type=int, default=5, help="of one sweep, at random moments")
    parser.add_argument("--device", choices=["cpu"], default="cpu")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Folder(Path(name) / "services")
        services.up(Wanted(store=options.store), folder)
        try:
            rows = [two_at_a_time(Path(name), folder, options), killed(Path(name), folder, options.kills)]
            if importlib.util.find_spec("ray"):
                rows += [by_ray(Path(name), folder, options)]
        finally:
            services.down(folder, grace=1)
    settings = {"runs": options.runs, "epochs": options.epochs} | {
        "long": options.long,
        "kills": options.kills,
    }
    publish("sweep", torch.device("cpu"), rows, settings=settings)


def two_at_a_time(root: Path, folder: Folder, options: argparse.Namespace) -> Row:
    """Seconds with one job over seconds with two."""

    def with_jobs(jobs: int) -> Callable[[], float]:
        return lambda: swept(root, folder, ["--jobs", str(jobs)], options.runs, options.epochs)

    ratio = alternate(with_jobs(2), with_jobs(1), options.pairs)
    return at_least(JOBS_BAR, compared(f"{options.runs} tiny runs: --jobs 1 / --jobs 2", ratio))


def by_ray(root: Path, folder: Folder, options: argparse.Namespace) -> Row:
    """Seconds by Ray, its start included, over seconds by two processes: four runs, two at a time."""

    def engine(*more: str) -> Callable[[], float]:
        return lambda: swept(root, folder, ["--jobs", "2", *more], 4, options.long)

    ratio = alternate(
        engine("--engine", "local(threads=1)"), engine("--engine", "ray(cpus=1.0)"), max(2, options.pairs - 1)
    )
    what = f"4 runs of {float(np.median(ratio.plain)) / 2:.0f} s: --engine ray / --jobs 2"
    return at_most(RAY_BAR, compared(what, ratio))


def killed(root: Path, folder: Folder, kills: int) -> Row:
    """The share of configurations with one sealed run, of the bytes of a sweep that nothing disturbed.

    The sweep gets SIGKILL; its runs, which notice that it is gone, are told to end.
    """
    os.environ.update(services.exports(folder))
    client = MlflowClient(os.environ["MLFLOW_TRACKING_URI"])
    axes, seconds = {"seed": list(range(4))}, []

    def begin(experiment: str) -> subprocess.Popen[bytes]:
        return start(root, folder, grid(root, experiment, axes, 300), ["--jobs", "2"])

    began = time.perf_counter()
    finished(begin("calm"))
    whole = time.perf_counter() - began
    for _ in range(kills):
        moment = random.uniform(0.05, 0.25) * whole
        with begin("killed") as process:
            try:
                process.wait(moment)
            except subprocess.TimeoutExpired:
                process.kill()
                seconds.append(moment)
    finished(begin("killed"))
    found, wanted = sheets(client, "killed", root), sheets(client, "calm", root)
    seeds = [str(seed) for seed in axes["seed"]]
    same = sum(len(wanted[seed]) == 1 and found.get(seed) == wanted[seed] for seed in seeds) / len(seeds)
    if len(seconds) < kills:
        print(f"the sweep was done before it could be killed more than {len(seconds)} times")
    when = ", ".join(f"{s:.0f}" for s in seconds)
    what = f"a sweep of {whole:.0f} s killed after {when} s: share of configurations sealed once, same sheet"
    return at_least(1, Row(what, same, ""))


def finished(process: subprocess.Popen[bytes]) -> None:
    """Wait for a sweep, which is to succeed."""
    with process:
        if process.wait():
            raise SystemExit(f"a sweep ended with exit code {process.returncode}")


def sheets(client: MlflowClient, experiment: str, root: Path) -> dict[str, list[dict[str, str]]]:
    """By seed, of each sealed run the hashes of its sheet's files."""
    within = [client.get_experiment_by_name(experiment).experiment_id]  # type: ignore[union-attr]
    kept: dict[str, list[dict[str, str]]] = {}
    for run in client.search_runs(within, "tags.`memest.state` = 'sealed'"):
        if run.data.tags["memest.stage"] == "train":
            blobs = run_blobs(client, run.info.run_id, root / "cache")
            files = {name: hashlib.sha256(blobs.get(name)).hexdigest() for name in blobs.names("sheet")}
            if not files:
                raise SystemExit(f"run {run.info.run_id} is sealed and has no sheet")
            kept.setdefault(run.data.tags["memest.seed"], []).append(files)
    return kept


def swept(root: Path, folder: Folder, more: Sequence[str], runs: int, epochs: int) -> float:
    """Seconds of a sweep of new runs."""
    mark = uuid.uuid4().hex[:8]
    seeds = [int(mark, 16) + number for number in range(runs)]
    file = grid(root, f"cost-{mark}", {"seed": seeds}, epochs)
    began = time.perf_counter()
    finished(start(root, folder, file, more))
    return time.perf_counter() - began


def start(root: Path, folder: Folder, file: Path, more: Sequence[str]) -> subprocess.Popen[bytes]:
    """`memest sweep`, with a home that is this file's own."""
    own = {"MEMEST_HOME": str(root / f"home-{file.stem}"), "PYTHONPATH": str(PROJECT)}
    return subprocess.Popen(
        [sys.executable, "-m", "memest", "sweep", str(file), *more],
        env={**os.environ, **services.exports(folder), **own},
        cwd=root,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def grid(root: Path, experiment: str, axes: dict[str, Any], epochs: int) -> Path:
    """A grid file."""
    file = root / f"{experiment}.yaml"
    content = {"experiment": experiment, "base": BASE | {"epochs": epochs}, "axes": axes}
    file.write_text(yaml.safe_dump(content))
    return file


if __name__ == "__main__":
    main()
