"""Several processes train one run under torchrun, on the CPU: what they record is what one records."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from forked import Forked
from mlflow import MlflowClient
from torch import nn

from memest.errors import SettingError, UnseenError
from memest.grammar.config import build
from memest.grammar.spec import Spec
from memest.loading import Batch
from memest.runs.config import TrainConfig
from memest.scores.engine.gather import Rows
from memest.services.ports import free_ports
from memest.stages import train
from memest.store import Blobs, LocalBlobs, SheetReader
from memest.store.artifacts import ArtifactBlobs
from memest.training import ProcessGroup, require_trainable

pytestmark = pytest.mark.mlflow
PROJECT = Path(__file__).parents[2]
NEAR = ("input_gradient", "curvature")
SETTINGS = {
    "corruption": "symmetric_noise(rate=0.1)",
    "limit": 210,
    "batch_size": 32,
    "epochs": 3,
    "lr": 0.01,
    "seed": 1,  # with seed 0 a ReLU is at its kink: there any other order of summing, or float64, differs
    "scores": "logits, loss(labels=true), input_gradient, curvature(probes=2)",
    "tracking": "off",
}


def torchrun(processes: int = 2, **settings: Any) -> Forked:
    """Begin `torchrun … -m entrypoints.train` in this folder."""
    flags = [part for name, value in (SETTINGS | settings).items() for part in (f"--{name}", str(value))]
    words = ["torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    here = {"PYTHONPATH": str(PROJECT), "OMP_NUM_THREADS": "1"}
    return Forked([*words, "-m", "entrypoints.train", *flags], os.environ | here)


def finish(process: Forked) -> tuple[int, str]:
    """Exit code and output."""
    output, _ = process.communicate(timeout=300)
    assert process.returncode is not None
    return process.returncode, output


def ranks(size: int) -> list[dict[str, str]]:
    """The variables that torchrun gives to each of its processes."""
    (port,) = free_ports(1)
    common = {"WORLD_SIZE": str(size), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    return [common | {"RANK": rank, "LOCAL_RANK": rank} for rank in map(str, range(size))]


class Group:
    """Processes that train together as torchrun's do: each is told its rank and where the first listens."""

    def __init__(self, size: int, **settings: Any) -> None:
        words = ["entrypoints.train", *(f"--{name}={value}" for name, value in (SETTINGS | settings).items())]
        self.members = [Forked(words, os.environ | told) for told in ranks(size)]

    def finish(self) -> tuple[int, str]:
        """The first exit code that is not 0, which is negative after a signal; else 0. And all output."""
        codes = [one.wait(300) for one in self.members]
        return next(filter(None, codes), 0), "".join(one.said for one in self.members)

    def kill(self) -> None:
        """-9 to all."""
        for one in self.members:
            one.kill()
            one.wait()


def local(home: str = ".memest") -> Blobs:
    """The one run in a working folder."""
    (folder,) = Path(home, "runs").glob("*/local")
    return LocalBlobs(folder / "blobs")


def said(home: str = ".memest", kind: str = "metrics") -> list[dict[str, Any]]:
    """What the one run in a working folder has said of a kind; nothing, as long as there is none."""
    files = list(Path(home, "runs").glob("*/local/entries.jsonl"))
    entries = [
        json.loads(line) for file in files for line in file.read_text().splitlines() if line[-1] == "}"
    ]
    return [entry["values"] for entry in entries if entry["kind"] == kind]


@pytest.mark.slow
def test_two_processes_record_what_one_records(store_uri: str) -> None:
    """All ids, every score at every epoch to float32 rounding, seen in training or not; one run in MLflow."""
    one = SheetReader.open(train.train(build(TrainConfig, SETTINGS)).run.blobs)
    code, output = finish(torchrun(tracking=store_uri, experiment=Path.cwd().name))
    assert code == 0, output
    client = MlflowClient(store_uri)
    (run,) = client.search_runs([client.get_experiment_by_name(Path.cwd().name).experiment_id])
    assert run.data.tags["memest.state"] == "sealed"
    assert output.count("is done") == 1
    two = SheetReader.open(ArtifactBlobs(client, run.info.run_id))
    assert set(one.manifest.scores) == set(two.manifest.scores)
    for key in one.manifest.scores:
        (epochs, first), (others, second) = one.trace(key), two.trace(key)
        np.testing.assert_array_equal(epochs, others)
        close = np.isclose(first, second, rtol=2e-6, atol=2e-6 * np.abs(first).max())
        # At a kink of its own, which rounding can tip, an example's gradient jumps while its loss does not.
        assert close.all() if Spec.parse(key.removeprefix("seen/")).name not in NEAR else close.mean() > 0.99
    ours, theirs = one.summary(), two.summary()
    for name in ("id", "label", "changed"):
        np.testing.assert_array_equal(ours[name], theirs[name])
    for name in ("csl", "seen/csl"):
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-6)


@pytest.mark.slow
def test_three_processes_that_die_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed with -9, started again: the same bytes as undisturbed; once more there is nothing to do."""
    monkeypatch.setenv("MEMEST_RESUME_EVERY_EPOCH", "1")
    monkeypatch.setenv("MEMEST_HOME", "undisturbed")
    assert Group(3, epochs=8).finish()[0] == 0
    monkeypatch.setenv("MEMEST_HOME", "killed")
    group = Group(3, epochs=8)
    deadline = time.monotonic() + 120
    while len(said("killed")) < 3:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    group.kill()
    for end in ("is done", "was done before"):
        code, output = Group(3, epochs=8).finish()
        assert (code, end in output) == (0, True), output
    undisturbed, killed = local("undisturbed"), local("killed")
    for folder in ("sheet", "checkpoint"):
        for name in undisturbed.names(folder):
            assert undisturbed.get(name) == killed.get(name), name


@pytest.mark.slow
def test_processes_stop_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of them sees that the ranking is stable after the same epoch, which is that of one process."""
    stopping = {"epochs": 40, "stop_when": "stable(agreement=0.6)", "scores": "loss"}
    one = train.train(build(TrainConfig, SETTINGS | stopping)).run.blobs.get("stopped.json")
    monkeypatch.setenv("MEMEST_HOME", "together")
    code, output = Group(2, **stopping).finish()
    assert code == 0, output
    assert json.loads(one)["epoch"] == json.loads(local("together").get("stopped.json"))["epoch"] < 40


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batch_size": 52}, "leave 2 for the last"),
        ({"protocol": "k_fold(folds=2)"}, "name one with --part 0"),
        ({"corruption": "symmetric_noise(rate=0.0001)"}, "would change 0 of"),
    ],
)
def test_what_cannot_be_shared_is_refused(settings: dict[str, Any], message: str) -> None:
    """All processes end, the reason is said once, and nothing is written."""
    code, output = Group(3 if "batch_size" in settings else 2, **settings).finish()
    assert code == 2, output
    assert output.count(message) == 1, output
    assert not Path(".memest").exists()


@pytest.mark.slow
def test_one_process_that_dies_ends_all() -> None:
    """A follower is killed: torchrun ends the others, and the run says that it was stopped or failed."""
    process = torchrun(epochs=100000)
    deadline = time.monotonic() + 120
    while not said():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    (follower,) = [pid for pid in children if b"\0RANK=1\0" in Path(f"/proc/{pid}/environ").read_bytes()]
    os.kill(int(follower), signal.SIGKILL)
    assert finish(process)[0] == 1
    assert said(kind="tags")[-1]["memest.state"] != "running"


LEAVE = """
import torch
from pathlib import Path
from memest.training import process_group

with process_group() as group:
    torch.use_deterministic_algorithms(True)
    group.all_reduce(torch.ones(3))
names = [task.joinpath("comm").read_text() for task in Path("/proc/self/task").iterdir()]
assert not [name for name in names if "gloo" in name], names
"""


@pytest.mark.slow
def test_nothing_of_the_group_outlives_it() -> None:
    """A thread of gloo that is left aborts the process while Python ends: now and then, on a busy machine.

    In new interpreters, which have imported nothing before and end as Python does.
    """
    Path("leave.py").write_text(LEAVE)
    members = [
        subprocess.Popen(
            [sys.executable, "leave.py"],
            env=os.environ | {"PYTHONPATH": str(PROJECT)} | told,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for told in ranks(2)
    ]
    said = [one.communicate(timeout=300)[0] for one in members]
    assert [one.returncode for one in members] == [0, 0], said


def test_shares_make_up_the_batch() -> None:
    """Every example of a batch is one process's, whatever is left over."""
    ids = torch.arange(11)
    whole = Batch(torch.zeros(11, 1, 2, 2), ids, ids)
    parts = [ProcessGroup(rank, 4).share(whole).ids for rank in range(4)]
    assert sorted(torch.cat(parts).tolist()) == ids.tolist()
    assert max(map(len, parts)) - min(map(len, parts)) == 1


@pytest.mark.parametrize(
    ("count", "size", "fits"), [(96, 4, True), (97, 4, True), (98, 4, False), (100, 4, True), (98, 2, True)]
)
def test_a_batch_with_too_few_for_all_is_refused(count: int, size: int, fits: bool) -> None:
    """Batches of 32: a last one of 2 does for two processes, not for four; one of 1 joins the one before."""
    if fits:
        require_trainable(nn.Identity, (1, 8, 8), [count], 32, size)
    else:
        with pytest.raises(SettingError, match="leave 2 for the last"):
            require_trainable(nn.Identity, (1, 8, 8), [count], 32, size)


def test_rows_of_two_processes_become_one() -> None:
    """What each saw is added up, NaN among it; an example that both saw is refused, and one that none saw."""
    ids, values = np.array([30, 10, 20, 40]), torch.tensor([1.0, torch.nan, -3.0, 4.0])

    def together(first: list[int], second: list[int]) -> dict[str, Any]:
        visits = torch.zeros(6, dtype=torch.int32)
        visits[second] = 1
        column = torch.zeros(6)
        column[second] = values[second]
        theirs = {"loss": column, "visits": visits}
        rows = Rows(ids, torch.device("cpu"))
        rows.put(torch.tensor(ids[first]), {"loss": values[first]})
        return rows.take(reduction=lambda ours: {key: ours[key] + theirs[key] for key in ours})

    np.testing.assert_array_equal(together([0, 2], [1, 3])["loss"], values.numpy())
    for first, second in (([0, 1, 2], [1, 3]), ([0], [1, 3])):
        with pytest.raises(UnseenError):
            together(first, second)
