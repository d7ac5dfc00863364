"""What tracking costs a run, from the start of its process to the end, everything delivered.

The same training with `--tracking off` and against an MLflow server with its artifacts in an S3 store, in
turns; a short run, and one of a minute; the short one also with names and passwords. Importing MLflow is
most of what a short run pays and is reported apart. And how fast a block goes to the store, as a share of
boto3's own multipart upload of the same bytes to the same bucket.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlparse

import boto3
import numpy as np
import torch
from mlflow import MlflowClient

from benchmarks.rows import Row, at_least, at_most, publish
from benchmarks.timing import Ratio, alternate
from memest import services
from memest.grammar.once import OnceParser
from memest.services import Folder, Wanted
from memest.store.artifacts import ArtifactBlobs

PROJECT = Path(__file__).parent.parent
LONG_BAR, SHORT_BAR, UPLOAD_BAR = 1.02, 0.5, 0.7
BLOCK = 32 << 20
TRAIN = ["-m", "entrypoints.train", "--data", "digits", "--model", "resnet18(width=16)", "--device", "cpu"]


def main() -> None:
    """Measure, print, write JSON."""
    parser = OnceParser(__doc__)
    parser.add_argument("--store", choices=["minio", "seaweedfs"], default="seaweedfs")
    parser.add_argument("--pairs", type=int, default=5, help="of short runs and of uploads")
    parser.add_argument("--long-pairs", type=int, default=3, help="of runs of a minute")
    parser.add_argument("--short", type=int, default=12, help="epochs of a short run")
    parser.add_argument("--long", type=int, default=220, help="epochs of a run of a minute")
    parser.add_argument("--device", choices=["cpu"], default="cpu")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        rows = measured(Path(name), options)
    settings = {"store": options.store, "short": options.short, "long": options.long}
    publish("tracking", torch.device("cpu"), rows, settings=settings)


def measured(root: Path, options: argparse.Namespace) -> list[Row]:
    """All figures, on servers of their own."""
    imports = alternate(python("pass"), python("import mlflow"), options.pairs)
    loading = float(np.median(imports.measured - imports.plain))
    rows = [Row("importing MLflow", loading, "s")]
    for auth in (False, True):
        folder = Folder(root / f"services-{auth}")
        services.up(Wanted(store=options.store, auth=auth), folder)
        try:
            with_whom = " with names and passwords" if auth else ""
            runs(root, folder, options.short, 1)  # the server's first calls, the page cache
            short = runs(root, folder, options.short, options.pairs)
            extra = float(np.median(short.measured - short.plain)) - loading
            seconds = float(np.median(short.plain))
            what = f"a run of {seconds:.0f} s: tracked{with_whom} − off, importing apart"
            rows.append(at_most(SHORT_BAR, Row(what, extra, "s")))
            if not auth:
                rows += [*long_rows(root, folder, options, loading), upload(folder, options.pairs)]
        finally:
            services.down(folder, grace=1)
    return rows


def long_rows(root: Path, folder: Folder, options: argparse.Namespace, loading: float) -> list[Row]:
    """The ratio of a run of a minute, importing in it and apart."""
    ratio = runs(root, folder, options.long, options.long_pairs)
    apart = Ratio(ratio.plain, ratio.measured - loading)
    what = f"a run of {np.median(ratio.plain):.0f} s: tracked / off"
    return [
        Row(what, ratio.median, interval=ratio.interval(), spread=ratio.spread),
        at_most(
            LONG_BAR,
            Row(f"{what}, importing apart", apart.median, interval=apart.interval(), spread=apart.spread),
        ),
    ]


def runs(root: Path, folder: Folder, epochs: int, pairs: int) -> Ratio:
    """Training off and on the server, in turns; every run is a new one."""

    def train(*more: str) -> Callable[[], float]:
        return timed(lambda: [*TRAIN, "--epochs", str(epochs), *more], root, services.exports(folder))

    experiment = f"cost-{uuid.uuid4().hex[:8]}"
    return alternate(train("--tracking", "off"), train("--experiment", experiment), pairs)


def python(code: str) -> Callable[[], float]:
    """Seconds of a Python that runs `code`."""
    return timed(lambda: ["-c", code], Path.cwd(), {})


def timed(command: Callable[[], list[str]], root: Path, environment: dict[str, str]) -> Callable[[], float]:
    """Seconds of a process, in a home of its own so that no run was done before."""

    def once() -> float:
        own = {"MEMEST_HOME": str(root / f"home-{uuid.uuid4().hex}"), "PYTHONPATH": str(PROJECT)}
        # Another seed of the same cost, so that the server does not know the run.
        seed = ["--seed", str(uuid.uuid4().int % 10**6)] if "-m" in command() else []
        began = time.perf_counter()
        subprocess.run(
            [sys.executable, *command(), *seed],
            env=os.environ | environment | own,
            cwd=root,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        return time.perf_counter() - began

    return once


def upload(folder: Folder, pairs: int) -> Row:
    """A block of 32 MB as delivery sends it, and by boto3 alone."""
    os.environ.update(services.exports(folder))
    client = MlflowClient(os.environ["MLFLOW_TRACKING_URI"])
    run = client.create_run(client.create_experiment(f"upload-{uuid.uuid4().hex[:8]}"))
    blobs, place = ArtifactBlobs(client, run.info.run_id), urlparse(run.info.artifact_uri)
    store = boto3.client("s3", endpoint_url=os.environ["MLFLOW_S3_ENDPOINT_URL"])
    content = np.random.default_rng(0).bytes(BLOCK)
    root = Path(tempfile.mkdtemp())

    def ours() -> float:
        scratch = root / f"block-{uuid.uuid4().hex}"
        began = time.perf_counter()
        scratch.write_bytes(content)
        blobs.send(f"sheet/{scratch.name}", scratch, there=False)
        return time.perf_counter() - began

    def plain() -> float:
        began = time.perf_counter()
        scratch = root / f"block-{uuid.uuid4().hex}"
        scratch.write_bytes(content)
        store.upload_file(str(scratch), place.netloc, f"plain/{uuid.uuid4().hex}")
        return time.perf_counter() - began

    ours(), plain()
    try:
        ratio = alternate(ours, plain, pairs)
    finally:
        shutil.rmtree(root)
    speed = BLOCK / 1e6 / float(np.median(ratio.measured))
    what = f"upload of a 32 MB block: rate as a share of boto3's own, {speed:.0f} MB/s"
    return at_least(UPLOAD_BAR, Row(what, ratio.median, "", ratio.interval(), spread=ratio.spread))


if __name__ == "__main__":
    main()
