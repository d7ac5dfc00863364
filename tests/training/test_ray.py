"""Sweeps on Ray: a cluster of this machine, nodes that are lost, clusters that do not answer."""

from __future__ import annotations

import importlib
import os
import signal
import socket
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from forked import Forked
from mlflow import MlflowClient
from sweeping import executed, grid_file, runs_of, script, states, wait_for

from memest.errors import SettingError
from memest.sweep import ENGINES, Task, run_tasks

pytestmark = pytest.mark.mlflow


def test_ray_is_asked_for_by_name_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the package the error says how to get it."""
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(SettingError, match=r"pip install 'memest\[ray\]'"):
        ENGINES.call("ray", 0)


@pytest.fixture
def ray_package() -> Iterator[Any]:
    """Ray, which is optional, though not in CI; left afterwards."""
    before = {kind: signal.getsignal(kind) for kind in (signal.SIGINT, signal.SIGTERM)}
    ray = importlib.import_module("ray") if os.environ.get("CI") else pytest.importorskip("ray")
    yield ray
    ray.shutdown()
    for kind, handler in before.items():  # a cluster of a test takes them
        signal.signal(kind, handler)


@pytest.mark.slow
def test_ray_executes_what_processes_do(ray_package: Any) -> None:
    """The same tasks, retries and words on a cluster of this machine, each with its threads."""
    words = script("told", "import os", "os.environ['OMP_NUM_THREADS']")
    tasks = [Task("bad", ["no_such_module"]), *(Task(str(n), words) for n in range(3))]
    last = {event.task.name: event for event in executed(tasks, ENGINES.call("ray(cpus=1.0)", 0))}
    assert (last["bad"].state, last["bad"].tries) == ("failed", 3)
    assert [(last[str(n)].state, last[str(n)].message) for n in range(3)] == [("done", "1")] * 3
    assert not ray_package.is_initialized()


def test_gpus_that_this_machine_alone_lacks_are_refused(ray_package: Any) -> None:
    """Ray would wait for them for ever; the error names the way out."""
    with pytest.raises(SettingError, match="this machine has 1 GPUs; give --address"):
        ENGINES.call("ray(gpus=2)", 1)
    assert not ray_package.is_initialized()


SOON_SEEN = {
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 200,
    "health_check_timeout_ms": 2000,
    "health_check_failure_threshold": 3,
}
"""A node that is lost is known to be within a second."""


@pytest.fixture
def cluster(ray_package: Any) -> Iterator[Any]:
    """A cluster of nodes of this machine; its head executes nothing."""
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 0, "include_dashboard": False, "_system_config": SOON_SEEN}
    made = Cluster(initialize_head=True, head_node_args=head)
    yield made
    ray_package.shutdown()
    made.shutdown()


@pytest.mark.slow
def test_what_ran_on_a_node_that_is_lost_is_taken_up_elsewhere(
    cluster: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Real nodes of one machine: one is killed with two tasks on it, and all three tasks are done."""
    code = (
        "import os, pathlib, time\n"
        "pathlib.Path('begun').open('a').write(f'{os.getpid()}\\n')\n"
        "while not pathlib.Path('lost').exists(): time.sleep(0.05)"
    )
    words = script("long", code)
    lost, _ = cluster.add_node(num_cpus=2), cluster.add_node(num_cpus=1)
    ENGINES.call(f"ray(address={cluster.address!r}, gpus=1)", 0).stop()
    assert "no node of the cluster has 1 cores and 1 GPUs now" in caplog.text
    caplog.clear()
    engine = ENGINES.call(f"ray(address={cluster.address!r})", 0)
    assert not caplog.text
    states = Counter[str]()
    here = {"PYTHONPATH": os.pathsep.join([str(Path.cwd()), os.environ.get("PYTHONPATH", "")])}
    for events in run_tasks([Task(str(n), words, here) for n in range(3)], engine):
        states.update(event.state for event in events)
        if lost and len(begun()) == 3:
            cluster.remove_node(lost, allow_graceful=False)
            lost = None
            wait_for(lambda: sum(Path(f"/proc/{pid}").exists() for pid in begun()) == 1)
            Path("lost").touch()
    assert states == {"running": 3, "done": 3}
    assert len(begun()) == 5


def begun() -> list[str]:
    """The processes of the tasks that have begun."""
    return Path("begun").read_text().split() if Path("begun").exists() else []


@pytest.mark.slow
def test_a_sweep_loses_a_node_and_no_run(cluster: Any, client: MlflowClient) -> None:
    """Real runs on real nodes: one is killed with a run at work on it; each configuration is sealed, once."""
    name = grid_file(axes={"seed": [1, 2], "epochs": [150]})
    lost, _ = cluster.add_node(num_cpus=1), cluster.add_node(num_cpus=1)
    words = ["memest", "sweep", "grid.yaml", "--engine", "ray(cpus=1.0)", "--address", cluster.address]
    process = Forked(words)
    try:
        wait_for(lambda: sum("train/loss" in run.data.metrics for run in runs_of(client, name)) == 2, 240)
        assert not states(runs_of(client, name))["sealed"]
        cluster.remove_node(lost, allow_graceful=False)
        assert process.wait(240) == 0, process.said
        assert states(runs_of(client, name)) == {"sealed": 2}
    finally:
        process.kill()
        process.wait()


@pytest.mark.slow
def test_leaving_the_loop_ends_what_runs_on_ray(ray_package: Any) -> None:
    """Interrupted, the processes on the nodes are asked to end too, at once, also in a shell's background."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # as a shell does for what it starts in its background
    code = "import os, pathlib, time; pathlib.Path('pid').write_text(str(os.getpid())); time.sleep(100)"
    loop = run_tasks([Task("t", script("long", code))], ENGINES.call("ray", 0))
    next(loop)
    wait_for(lambda: Path("pid").exists() and Path("pid").read_text())
    loop.close()  # type: ignore[attr-defined]
    process = Path("/proc", Path("pid").read_text())
    wait_for(lambda: not process.exists(), 10)
    assert not process.exists()


@pytest.mark.slow
def test_a_cluster_that_does_not_answer_is_given_up(
    ray_package: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody listens, or somebody who says nothing: an error in time, which names the address."""
    monkeypatch.setattr("memest.sweep.ray._ANSWER", 5.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        for address, why in (("127.0.0.1:9", "refused"), (f"127.0.0.1:{port}", "did not answer within 5 s")):
            with pytest.raises(SettingError, match=rf"Ray cluster .*{address}.*{why}"):
                ENGINES.call(f"ray(address={address!r})", 0)
