"""How long an analysis of many finished runs takes whose sheets lie in an S3 store, and in how much memory.

120 runs of 50,000 examples, two datasets × four rates × five seeds × three protocols, with generated
summaries of the names and number that a run with all logit scores has, each evaluated at its seal; then
1,008 runs, of 42 seeds. These are small: what is read of a run is as large whatever its examples. Each
analysis is a process of its own with a cold cache; it reads what the runs found of themselves, no block.
Seconds are of the whole process, importing MLflow and pandas included.

Writing the runs takes minutes: `--folder runs --write-only` makes them, `--folder runs` analyses.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mlflow import MlflowClient
from mlflow.entities import Metric, Param

from benchmarks.rows import Row, at_most, publish
from memest import services
from memest.detect import evaluate_table
from memest.grammar.once import OnceParser
from memest.services import Folder, Wanted
from memest.store import Header, LocalBlobs, SheetWriter
from memest.store.tables import FACTS
from memest.summaries import direction, needs_of
from memest.summaries.choose import candidates
from memest.version import SCORES_VERSION

PROJECT = Path(__file__).parent.parent
EXPERIMENT = "scale"
SIZES = ((5, 50_000), (42, 500))
"""Seeds and examples."""
MADE = "made"
"""The file that says that all runs of a folder are there: the bytes of a summary table."""
MANY, BARS, MEMORY_BAR = 500, (5, 30), 0.5
"""Seconds allowed for fewer runs than MANY, and for more; GB."""
ANALYSES = ("mislabeled", "detection")
SCORES = ("loss", "correct", "confidence", "peak", "margin", "entropy", "el2n")
DATASETS, RATES = ("cifar10", "cifar100"), (0.01, 0.02, 0.05, 0.1)
METRICS, SETTINGS = 22, 24
PROTOCOLS = {
    "standard": (),
    "k_fold": ("confident_learning", "confident_learning_truncated"),
    "second_split": ("second_split_forgetting", "second_split_mean_correct"),
}
CHILD = """
import json, sys, time
from pathlib import Path
import memest.paper.analyses
from memest.analysis import ANALYSES
from memest.analysis.queries import query_runs
from memest.tracking import connect, home, tracking_uri
began = time.perf_counter()
runs = query_runs(connect(tracking_uri()), sys.argv[1], {}, home() / "cache")
listed = time.perf_counter()
found = ANALYSES.call(sys.argv[2], runs)
done = time.perf_counter()
kilobytes = Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]
peak = int(kilobytes) / 2**20
print(json.dumps({"runs": len(runs), "list": listed - began, "analysis": done - listed, "gb": peak}))
"""


def main() -> None:
    """Generate, analyse, print, write JSON."""
    parser = OnceParser(__doc__)
    parser.add_argument("--store", choices=["minio", "seaweedfs"], default="seaweedfs")
    parser.add_argument("--folder", type=Path, default=None, help="keeps the runs; those there are analysed")
    parser.add_argument("--write-only", action="store_true", help="make the runs of --folder, analyse none")
    options = parser.parse_args()
    rows, settings = [], {"store": options.store}
    with nullcontext(options.folder) if options.folder else tempfile.TemporaryDirectory() as name:
        for seeds, examples in SIZES:
            root = Path(name).absolute() / f"{seeds}-{examples}"
            root.mkdir(parents=True, exist_ok=True)
            with served(root, options.store):
                if not (root / MADE).exists():
                    (root / MADE).write_text(str(generate(root, examples, seeds)))
                if options.write_only:
                    continue
                seen = {analysis: analysed(root, analysis) for analysis in ANALYSES}
            rows += [row for analysis, figures in seen.items() for row in _rows(analysis, figures)]
            runs, size = seen[ANALYSES[0]]["runs"], int((root / MADE).read_text())
            settings[f"{runs} runs"] = f"{examples:,} examples, summary tables of {size / 1e6:.1f} MB"
    if rows:
        publish("analysis_scale", torch.device("cpu"), rows, settings=settings)


@contextmanager
def served(root: Path, store: str) -> Iterator[None]:
    """A block with an S3 store and an MLflow server on the data under `root`."""
    folder = Folder(root / "services")
    services.up(Wanted(store=store), folder)
    try:
        os.environ.update(services.exports(folder))
        yield
    finally:
        services.down(folder, grace=1)


def generate(root: Path, examples: int, seeds: int) -> int:
    """Finished runs with generated summaries on the server; the bytes of one summary table."""
    client = MlflowClient()
    experiment = client.create_experiment(EXPERIMENT)
    cells = itertools.product(DATASETS, RATES, range(seeds), PROTOCOLS)
    sizes = set()

    def make(cell: tuple[str, float, int, str]) -> None:
        with tempfile.TemporaryDirectory(dir=root) as scratch:
            tags = _tags(*cell)
            sizes.add(_sheet(Path(scratch), examples, tags))
            run = client.create_run(
                experiment, tags={f"memest.{name}": value for name, value in tags.items()}
            )
            client.log_batch(run.info.run_id, _metrics(), _params(tags))
            client.log_artifacts(run.info.run_id, scratch)
            client.set_terminated(run.info.run_id)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(make, cells))
    return max(sizes)


def analysed(root: Path, analysis: str) -> dict[str, Any]:
    """What one analysis took, in a process and a home of its own."""
    home = root / f"home-{analysis}"
    shutil.rmtree(home, ignore_errors=True)
    own = {"MEMEST_HOME": str(home), "PYTHONPATH": str(PROJECT)}
    began = time.perf_counter()
    said = subprocess.run(
        [sys.executable, "-c", CHILD, EXPERIMENT, analysis],
        env=os.environ | own,
        cwd=root,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    figures: dict[str, Any] = json.loads(said.stdout.splitlines()[-1])
    return figures | {"seconds": time.perf_counter() - began}


def _rows(analysis: str, figures: dict[str, Any]) -> Iterator[Row]:
    what = f"{analysis} of {figures['runs']} runs, cold cache"
    yield at_most(BARS[figures["runs"] > MANY], Row(what, figures["seconds"], "s"))
    yield Row(f"{what}: listing the runs", figures["list"], "s")
    yield Row(f"{what}: reading and judging", figures["analysis"], "s")
    yield at_most(MEMORY_BAR, Row(f"{what}: peak memory", figures["gb"], "GB"))


def _tags(dataset: str, rate: float, seed: int, protocol: str) -> dict[str, str]:
    corruption = f"symmetric_noise(rate={rate})"
    return {
        "state": "sealed",
        "stage": "train",
        "dataset": dataset,
        "limit": "0",
        "corruption": corruption,
        "model": "resnet18",
        "protocol": protocol,
        "epochs": "200",
        "recipe": "generated",
        "source": dataset,
        "seed": str(seed),
        "device": "cpu",
        "threads": "1",
        "order": "generated",
        "scores_version": str(SCORES_VERSION),
        "fingerprint": f"{dataset}-{rate}-{seed}",
    }


def _metrics() -> list[Metric]:
    """As many as a run has, the last value of each: MLflow lists a run with all that it has."""
    return [Metric(f"metric/{number}", 0.5, 0, 200) for number in range(METRICS)]


def _params(tags: dict[str, str]) -> list[Param]:
    """As many settings as a run has."""
    more = {f"cfg.setting_{number}": "generated" for number in range(SETTINGS - len(tags))}
    return [Param(name, value) for name, value in ({f"cfg.{n}": v for n, v in tags.items()} | more).items()]


def _sheet(place: Path, examples: int, tags: dict[str, str]) -> int:
    """A sealed sheet under `place`; the bytes of its summary table."""
    rng = np.random.default_rng(abs(hash(tuple(tags.values()))) % 2**32)
    labels = rng.integers(0, 10, examples)
    changed = np.zeros(examples, bool)
    count = int(examples * float(tags["corruption"].partition("=")[2].rstrip(")")))
    changed[np.random.default_rng(int(tags["seed"])).choice(examples, count, replace=False)] = True
    truth = {
        "id": np.arange(examples),
        "label": labels,
        "original_label": np.where(changed, (labels + 1) % 10, labels),
        "changed": changed,
        "partner_id": np.full(examples, -1),
    }
    summary = {name: truth[name] for name in FACTS} | {
        name: sign * (rng.normal(size=examples) + 2.0 * changed) for name, sign in _names(tags["protocol"])
    }
    config = {"data": tags["dataset"], "limit": 0, "model": "resnet18(width=64)", "epochs": 200}
    classes = tuple(map(str, range(10)))
    header = Header(
        "key", tags["fingerprint"], "generated", tags["corruption"], config, examples, "", classes
    )
    blobs = LocalBlobs(place)
    found = evaluate_table(summary)
    assert found
    writer = SheetWriter(blobs, header, truth["id"], 1, lambda key: {})
    manifest = writer.seal(truth, summary, found.to_json())
    return manifest.tables["summary"].size


def _names(protocol: str) -> Iterator[tuple[str, int]]:
    """The columns a run with all logit scores has, and which way each is harder."""
    keys = {*SCORES, *(f"seen/{score}" for score in SCORES), "scalar/weight_norm"}
    for name in candidates(keys):
        if keys.issuperset(needs_of(name)):
            yield name, direction(name)
    for detector in PROTOCOLS[protocol]:
        yield detector, 1


if __name__ == "__main__":
    main()
