"""How long it takes to find out that every configuration of a large sweep is done.

500 configurations and a real MLflow server that holds a sealed run of each, with as many parameters and
metrics as a training run has. Every time is of a process of its own, from the grid file to the plan;
importing memest, torch, MLflow and scikit-learn, which has the digits, is not in it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
import yaml
from mlflow import MlflowClient
from mlflow.entities import Metric, Param

from benchmarks.rows import Row, at_most, publish
from memest import services
from memest.grammar.once import OnceParser
from memest.runs.config import TrainConfig
from memest.services import Folder, Wanted
from memest.sweep import Sweep, read_sweep
from memest.sweep.planning import run_keys

PROJECT = Path(__file__).parent.parent
BAR = 5.0
CHILD = """
import sys, time
from pathlib import Path
import mlflow, sklearn.datasets
from memest.sweep.planning import plan
from memest.runs.config import TrainConfig
from memest.sweep import read_sweep
began = time.perf_counter()
found = plan(read_sweep(Path(sys.argv[1]), TrainConfig), sys.argv[2])
print(len(found.done), len(found.todo), time.perf_counter() - began)
"""


def main() -> None:
    """Measure, print, write JSON."""
    parser = OnceParser(__doc__)
    parser.add_argument("--store", choices=["minio", "seaweedfs"], default="seaweedfs")
    parser.add_argument("--plans", type=int, default=5, help="times that the sweep is planned")
    parser.add_argument("--configs", type=int, default=500)
    parser.add_argument("--device", choices=["cpu"], default="cpu")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Folder(Path(name) / "services")
        services.up(Wanted(store=options.store), folder)
        try:
            os.environ.update(services.exports(folder))
            row = planning(Path(name) / "plan.yaml", options.configs, options.plans)
        finally:
            services.down(folder, grace=1)
    publish("planning", torch.device("cpu"), [row], settings={"configs": options.configs})


def planning(file: Path, configs: int, plans: int) -> Row:
    """Seconds of planning configurations that are all done: five rates, the other axis the seed."""
    rates = [f"symmetric_noise(rate={rate})" for rate in (0.01, 0.02, 0.05, 0.1, 0.2)]
    axes = {"corruption": rates, "seed": list(range(configs // len(rates)))}
    base = {"data": "digits", "model": "tiny", "device": "cpu"}
    file.write_text(yaml.safe_dump({"experiment": "plan", "base": base, "axes": axes}))
    make_sealed(MlflowClient(os.environ["MLFLOW_TRACKING_URI"]), read_sweep(file, TrainConfig))
    seconds = []
    for _ in range(plans):
        words = [sys.executable, "-c", CHILD, str(file), os.environ["MLFLOW_TRACKING_URI"]]
        here = os.environ | {"PYTHONPATH": str(PROJECT)}
        said = subprocess.run(words, env=here, check=True, stdout=subprocess.PIPE, text=True)
        done, todo, taken = said.stdout.split()
        seconds.append(float(taken))
        if (int(done), int(todo)) != (configs, 0):
            raise SystemExit(f"{todo} of {configs} configurations were not found to be done")
    what = f"planning {configs} configurations, all of them sealed on the server"
    row = Row(what, sorted(seconds)[len(seconds) // 2], "s", (min(seconds), max(seconds)), spread="range")
    return at_most(BAR, row)


def make_sealed(client: MlflowClient, wanted: Sweep[TrainConfig]) -> None:
    """A run for each configuration, with the tags of a finished one, and as much to carry."""
    params = [Param(f"cfg.setting_{number}", "value") for number in range(25)]
    metrics = [Metric(f"group/metric_{number}", 0.5, 0, 1) for number in range(60)]
    experiment = client.create_experiment(wanted.experiment)
    for part in wanted.grids:
        for key in run_keys(part.configs).values():
            tags = {"memest.stage": "train", "memest.state": "sealed", "mlflow.memest.key": key}
            run = client.create_run(experiment, tags=tags)
            client.log_batch(run.info.run_id, params=params, metrics=metrics)
            client.log_text(run.info.run_id, "{}", "config.json")  # a run without artifacts counts as lost


if __name__ == "__main__":
    main()
