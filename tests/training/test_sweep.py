"""Sweeps: real processes, real runs, a real MLflow store; killed in the middle and started again."""

from __future__ import annotations

import importlib
import io
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from filelock import FileLock
from forked import Forked
from mlflow import MlflowClient

from memest.cli import main
from memest.errors import BusyError, SettingError, UnknownNameError
from memest.grammar.config import build
from memest.runs.config import TrainConfig
from memest.stages import experiment, sweep, train
from memest.store.artifacts import ArtifactBlobs
from memest.store.blobs import LocalBlobs
from memest.sweep import ENGINES, Engine, Event, Status, Task, planning, run_tasks, training
from memest.sweep.console import Console
from memest.tracking import find, sealed_runs

pytestmark = pytest.mark.mlflow
SHORT = {"data": "digits", "limit": 200, "epochs": 2, "scores": "loss", "device": "cpu"}
_names = itertools.count()


def local(jobs: int = 2, threads: int = 1) -> Engine:
    """Processes of this machine."""
    engine: Engine = ENGINES.call(f"local(jobs={jobs}, threads={threads})", 0)
    return engine


def executed(tasks: Sequence[Task], engine: Engine, **more: Any) -> list[Event]:
    """Everything that happened."""
    return [event for events in run_tasks(tasks, engine, **more) for event in events]


def script(name: str, text: str, message: str = "''", state: str = "done") -> list[str]:
    """The words that run a module of this folder, which writes an outcome with the message at its end."""
    outcome = f"write_outcome(take_file(), Outcome({state!r}, message=str({message})))"
    Path(f"{name}.py").write_text(f"{text}\nfrom memest.outcome import *\n{outcome}\n")
    return [name]


def wait_for(condition: Callable[[], Any], seconds: float = 90) -> Any:
    """What `condition` gives, once it gives something."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return found


# The queue and the local engine, with processes that do nothing much.


def test_a_failed_task_is_tried_three_times_and_stops_no_other() -> None:
    """Two retries, then its reason; the tasks after it are done."""
    good = script("good", "", "'fine'")
    tasks = [Task("bad", ["no_such_module"]), Task("one", good), Task("two", good)]
    last = {event.task.name: event for event in executed(tasks, local())}
    assert (last["bad"].state, last["bad"].tries, last["bad"].message) == (
        "failed",
        3,
        "ImportError: No module named no_such_module",
    )
    assert [(last[name].state, last[name].tries) for name in ("one", "two")] == [("done", 1)] * 2
    assert last["one"].message == "fine"


def test_a_task_that_recovers_is_done() -> None:
    """What failed once and then succeeds counts as done, at its second try."""
    words = script("once", "import pathlib as p; f = p.Path('been'); e = f.exists(); f.touch(); assert e")
    assert [e.state for e in executed([Task("t", words)], local())] == [
        "running",
        "waiting",
        "running",
        "done",
    ]


def test_no_more_tasks_run_than_there_are_slots(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two at a time of five, each told how many threads it has, and nothing of the run that was given."""
    words = script("told", "import os", "(os.environ['OMP_NUM_THREADS'], os.environ.get('MLFLOW_RUN_ID'))")
    running, most = 0, 0
    monkeypatch.setenv("MLFLOW_RUN_ID", "given")
    for events in run_tasks([Task(str(n), words) for n in range(5)], local(2, threads=3)):
        for event in events:
            running += {"running": 1}.get(event.state, -1)
            most = max(most, running)
            assert event.message in ("", "('3', None)")
    assert (running, most) == (0, 2)


def test_each_gpu_gets_its_share_of_the_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes are dealt over the GPUs in turn, over those that this process may use."""
    words = script("gpu", "import os, time; time.sleep(1)", "os.environ['CUDA_VISIBLE_DEVICES']")
    tasks = [Task(str(n), words) for n in range(3)]
    for given, expected in ((None, ["0", "0", "1"]), ("4,7", ["4", "4", "7"])):
        if given:
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", given)
        events = executed(tasks, ENGINES.call("local(jobs=3)", 2))
        assert sorted(event.message for event in events if event.state == "done") == expected


def test_the_defaults_use_every_core_once() -> None:
    """One process for each core, or each GPU."""
    cores = len(os.sched_getaffinity(0))
    for spec, gpus, slots in (("local", 0, cores), ("local", 1, 1), ("local(jobs=1)", 0, 1)):
        assert ENGINES.call(spec, gpus).slots == slots


def test_a_busy_task_is_looked_at_again_and_then_left() -> None:
    """After each of the pauses, counted apart from failures; then it is somebody else's."""
    task = [Task("t", script("busy", "", "'at work elsewhere'", state="busy"))]
    events = executed(task, local(), pauses=(0.0, 0.0))
    assert [e.state for e in events] == ["running", "waiting", "running", "waiting", "running", "busy"]
    assert events[-1].message == "at work elsewhere"


def test_leaving_the_loop_ends_what_runs() -> None:
    """A sweep that is interrupted asks its processes to end, and waits until they have."""
    code = "import os, pathlib, time; pathlib.Path('pid').write_text(str(os.getpid())); time.sleep(100)"
    loop = run_tasks([Task("t", script("long", code))], local())
    next(loop)
    wait_for(lambda: Path("pid").exists() and Path("pid").read_text())
    loop.close()  # type: ignore[attr-defined]  # a generator, as far as its callers need not know
    with pytest.raises(ProcessLookupError):
        os.kill(int(Path("pid").read_text()), 0)


@pytest.mark.parametrize(
    "start",
    [
        "from memest.sweep.task import *; execute(Task('t', ['long']), {})",
        "from memest.sweep import *; import time; engine = ENGINES.call('local', 0); "
        "engine.start(Task('t', ['long'])); time.sleep(100)",
    ],
)
def test_a_task_does_not_outlive_a_starter_that_was_killed(start: str) -> None:
    """kill -9 of whoever started it: the process notices, and gets the signal that lets it say so."""
    code = (
        "import os, pathlib, signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (pathlib.Path('asked').touch(), os._exit(0)))\n"
        "pathlib.Path('pid').write_text(str(os.getpid())); time.sleep(100)\n"
    )
    starter = script("starter", start)
    script("long", code)
    process = subprocess.Popen([sys.executable, "-m", *starter])
    wait_for(lambda: Path("pid").exists() and Path("pid").read_text())
    process.kill()
    process.wait()
    wait_for(lambda: Path("asked").exists(), 10)


def test_the_status_counts_and_estimates() -> None:
    """Time left: what is still to do at the mean of what is done, over the slots there are."""
    now = [0.0]
    status = Status("abcdef", lambda: 2, lambda: now[0])
    task = {name: Task(name, []) for name in "abcdef"}
    assert status.summary() == "6 waiting"
    status.update(Event(task["a"], "running", 1))
    now[0] = 10.0
    status.update(Event(task["a"], "done", 1, "run-id", 10.0))
    status.update(Event(task["b"], "running", 1))
    status.update(Event(task["c"], "failed", 3, "no memory", 1.0))
    now[0] = 14.0
    assert status.left() == (6 + 3 * 10) / 2
    assert status.summary() == "1 done, 1 failed, 1 running, 3 waiting; about 18 s left"
    assert status.lines()[1:] == ["  running      4 s  b", "  failed c: no memory (3 tries)"]


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """It does."""
        return True


def test_the_table_is_drawn_in_place_on_a_terminal_only() -> None:
    """Elsewhere each thing that happened is a line, without control characters."""
    status = Status(["a"], lambda: 1)
    event = Event(Task("a", []), "failed", 3, "why not")
    status.update(event)
    for stream in (Terminal(), io.StringIO()):
        console = Console(stream)
        for _ in range(2):
            console.show(status, [event])
        assert stream.getvalue().count("a: why not (3 tries)") == 2
        assert ("\x1b[2A\x1b[J" in stream.getvalue()) == stream.isatty()


# Whole sweeps.


@pytest.fixture
def client(store_uri: str, monkeypatch: pytest.MonkeyPatch) -> MlflowClient:
    """A client of the shared store, which this process and its children use."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store_uri)
    monkeypatch.setenv("MEMEST_GATHER", "0")
    return MlflowClient(store_uri)


def grid_file(**parts: Any) -> str:
    """A grid file in this folder, of a fresh experiment."""
    name = f"sweep-{next(_names)}-{Path.cwd().name}"
    Path("grid.yaml").write_text(yaml.safe_dump({"experiment": name, "base": SHORT} | parts))
    return name


def runs_of(client: MlflowClient, name: str, stage: str = "train") -> list[Any]:
    """All runs of a stage."""
    found = client.get_experiment_by_name(name)
    query = f"tags.`memest.stage` = '{stage}'"
    return list(client.search_runs([found.experiment_id], query)) if found else []


def swept(**settings: Any) -> str:
    """Sweep the file of this folder."""
    return sweep.sweep(build(sweep.SweepConfig, {"file": "grid.yaml", "jobs": 2} | settings))


def states(runs: Sequence[Any]) -> Counter[str]:
    """How many runs are in which state."""
    return Counter(run.data.tags["memest.state"] for run in runs)


@pytest.mark.slow
def test_a_sweep_trains_each_configuration_under_one_run(
    client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Children of one parent with a table of them; the same command again trains nothing."""
    name = grid_file(axes={"seed": [1, 2, 2]})
    assert "2 done" in swept()
    (parent,) = runs_of(client, name, "sweep")
    children = runs_of(client, name)
    assert states([parent, *children]) == {"sealed": 3}
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parent.info.run_id}
    table = json.loads(ArtifactBlobs(client, parent.info.run_id).get("tables/runs-1.json"))
    column = table["columns"].index("run")
    assert sorted(row[column] for row in table["data"]) == sorted(run.info.run_id for run in children)

    given = client.create_run("0").info.run_id
    monkeypatch.setenv("MLFLOW_RUN_ID", given)
    monkeypatch.setattr(training, "train_all", lambda *_: pytest.fail("something was trained"))
    assert "all 2 runs are done" in swept()
    assert client.get_run(given).data.tags["memest.ticket_of"] == parent.info.run_id
    assert len(runs_of(client, name)) == 2

    client.delete_run(children[0].info.run_id)
    found = planning.plan(sweep.read_sweep(Path("grid.yaml"), TrainConfig), os.environ["MLFLOW_TRACKING_URI"])
    assert (len(found.todo), len(found.done)) == (1, 1)


@pytest.mark.slow
def test_a_failed_run_has_its_reason_and_the_others_are_done(
    client: MlflowClient, capfd: pytest.CaptureFixture[str]
) -> None:
    """Exit code 1; the sweep's run is FAILED with the reason; mended, the same file does the rest."""
    name = grid_file(axes={"lr": [1e30, 0.1]})
    assert main(["sweep", "grid.yaml", "--jobs", "2"]) == 1
    error = capfd.readouterr().err
    assert "1 of 2 runs failed, each tried 3 times (lr=1e+30: " in error
    assert "not finite at epoch 1" in error
    assert states(runs_of(client, name)) == {"sealed": 1, "failed": 1}
    (parent,) = runs_of(client, name, "sweep")
    assert parent.info.status == "FAILED"
    assert "not finite" in parent.data.tags["memest.error"]


def sweeping(name: str) -> Forked:
    """`memest sweep` in a process of its own."""
    return Forked(["memest", "sweep", "grid.yaml", "--jobs", "2"])


@pytest.mark.slow
def test_a_sweep_that_was_killed_goes_on(client: MlflowClient) -> None:
    """kill -9 in the middle, then the same command: one sealed run each, the bytes of undisturbed runs."""
    settings = {"seed": [1, 2, 3], "epochs": [40]}
    name = grid_file(axes=settings)
    process = sweeping(name)
    wait_for(lambda: any("train/loss" in run.data.metrics for run in runs_of(client, name)))
    process.kill()
    process.wait()
    assert states(runs_of(client, name))["sealed"] < 3
    swept()
    runs = runs_of(client, name)
    assert states(runs) == {"sealed": 3}
    for run in runs:
        alone = {"seed": int(run.data.tags["memest.seed"]), "epochs": 40, "tracking": "off"}
        undisturbed = train.train(build(TrainConfig, SHORT | alone)).run.blobs
        assert isinstance(undisturbed, LocalBlobs)
        blobs = ArtifactBlobs(client, run.info.run_id)
        for file in undisturbed.names("sheet"):
            assert blobs.get(file) == undisturbed.get(file), file


@pytest.mark.slow
def test_a_sweep_that_is_stopped_ends_its_runs(client: MlflowClient) -> None:
    """SIGTERM: every run says that it was stopped, nothing is left RUNNING, and the exit code is 130."""
    name = grid_file(axes={"seed": [1, 2], "epochs": [100_000]})
    process = sweeping(name)
    wait_for(lambda: sum("train/loss" in run.data.metrics for run in runs_of(client, name)) == 2)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 130
    assert states([*runs_of(client, name), *runs_of(client, name, "sweep")]) == {"killed": 3}


def test_what_others_are_at_work_on_is_theirs(client: MlflowClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sweep ends without them, and says so; it is no failure."""
    name = grid_file(runs=[{"seed": 1}])
    monkeypatch.setattr(training, "run_tasks", lambda *a: run_tasks(*a, pauses=()))
    config = build(TrainConfig, SHORT | {"seed": 1, "experiment": name, "tracking": "auto"})
    (key,) = planning.run_keys([config]).values()
    with monkeypatch.context() as early:
        early.setattr(train, "measured_epochs", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            train.train(config)
    (folder,) = Path(".memest/runs").glob(f"{key[:20]}-*")
    with FileLock(folder / "lock"), pytest.raises(BusyError, match="1 of 1 runs are at work in other"):
        swept()


def test_sealed_runs_are_read_page_by_page(client: MlflowClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them, however many a page holds; runs that are not sealed, or of another stage, are not."""
    name = grid_file()
    place = client.create_experiment(name)
    expected = {}
    for key in ("a0", "a1", "a2", "b0", "00"):
        tags = {"memest.stage": "train", "memest.state": "sealed", "memest.key": key}
        expected[key] = client.create_run(place, tags=tags).info.run_id
        client.log_text(expected[key], "{}", "config.json")
    for other in ({"memest.stage": "score"}, {"memest.state": "failed"}):
        client.create_run(place, tags=tags | {"memest.key": "a3"} | other)
    monkeypatch.setattr(find, "_PAGE", 2)
    assert sealed_runs(client, name, "train") == expected
    assert sealed_runs(client, "no such experiment", "train") == {}


@pytest.mark.slow
def test_an_experiment_goes_from_nothing_to_its_report(
    client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One command trains and analyses; again, it finds everything there."""
    name = f"study{next(_names)}"
    scale = {"base": SHORT | {"corruption": "symmetric_noise(rate=0.05)"}, "axes": {"seed": [1, 2, 3]}}
    study = {"about": "a test", "analyses": ["detection"], "scales": {"smoke": scale}}
    Path(f"{name}.yaml").write_text(yaml.safe_dump(study))
    config = build(
        experiment.ExperimentConfig, {"name": f"{name}.yaml", "set": "epochs=1, seed=4", "jobs": 2}
    )
    said = experiment.experiment(config)
    assert said.good
    (run,) = runs_of(client, f"{name}-smoke")
    (analysis,) = runs_of(client, f"{name}-smoke", "analyze")
    assert (run.data.tags["memest.epochs"], run.data.tags["memest.seed"]) == ("1", "4")
    assert f"report, tables and figures are in run {analysis.info.run_id}" in said.text
    assert "csl" in said.text

    monkeypatch.setattr(training, "train_all", lambda *_: pytest.fail("something was trained"))
    assert "all 1 runs are done" in experiment.experiment(config).text
    assert len(runs_of(client, f"{name}-smoke", "analyze")) == 1


@pytest.mark.slow
def test_an_experiment_measures_finished_runs_again(client: MlflowClient) -> None:
    """Theory sets CSL of the training beside the adversarial distance of its last network, once."""
    config = build(experiment.ExperimentConfig, {"name": "theory", "set": "limit=120, epochs=2, seed=1"})
    for _ in range(2):
        said = experiment.experiment(config)
        assert said.good, said.text
        assert "final_adversarial_distance" in said.text
    (run,) = runs_of(client, "theory-smoke")
    (again,) = runs_of(client, "theory-smoke", "score")
    assert again.data.tags["memest.source_run"] == run.info.run_id
    with pytest.raises(UnknownNameError, match="distance"):
        study = {
            "analyses": ["theory"],
            "scales": {"smoke": {"axes": {"seed": [1]}, "score": {"scores": "distance"}}},
        }
        Path("odd.yaml").write_text(yaml.safe_dump(study))
        experiment.experiment(build(experiment.ExperimentConfig, {"name": "odd.yaml"}))
    assert client.get_experiment_by_name("odd-smoke") is None


@pytest.mark.slow
def test_what_cannot_be_measured_again_keeps_no_report_back(
    client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run and the reason are named, the analyses are made, the verdict is not good."""
    monkeypatch.setattr(experiment, "score", lambda config: 1 / 0)
    config = build(experiment.ExperimentConfig, {"name": "theory", "set": "limit=120, epochs=2, seed=1"})
    said = experiment.experiment(config)
    (run,) = runs_of(client, "theory-smoke")
    assert not said.good
    assert f"run {run.info.run_id}" in said.text
    assert "was not measured again: division by zero" in said.text
    assert "report, tables and figures are in run" in said.text


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


@pytest.mark.slow
def test_what_ran_on_a_node_that_is_lost_is_taken_up_elsewhere(
    ray_package: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Real nodes of one machine: one is killed with two tasks on it, and all three tasks are done."""
    from ray.cluster_utils import Cluster

    words = script("long", "import pathlib, time; pathlib.Path('begun').open('a').write('x'); time.sleep(8)")
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    try:
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
            if lost and Path("begun").exists() and len(Path("begun").read_text()) == 3:
                cluster.remove_node(lost, allow_graceful=False)
                lost = None
        assert states == {"running": 3, "done": 3}
        assert len(Path("begun").read_text()) == 5
    finally:
        ray_package.shutdown()
        cluster.shutdown()


@pytest.mark.slow
def test_a_sweep_loses_a_node_and_no_run(ray_package: Any, client: MlflowClient) -> None:
    """Real runs on real nodes: one is killed with a run at work on it; each configuration is sealed, once."""
    from ray.cluster_utils import Cluster

    name = grid_file(axes={"seed": [1, 2, 3], "epochs": [150]})
    words = [sys.executable, "-m", "memest", "sweep", "grid.yaml", "--engine", "ray(cpus=1.0)"]
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    process = None
    try:
        lost, _ = cluster.add_node(num_cpus=1), cluster.add_node(num_cpus=1)
        process = subprocess.Popen([*words, "--address", cluster.address])
        wait_for(lambda: sum("train/loss" in run.data.metrics for run in runs_of(client, name)) >= 2, 240)
        assert not states(runs_of(client, name))["sealed"]
        cluster.remove_node(lost, allow_graceful=False)
        assert process.wait(240) == 0
        assert states(runs_of(client, name)) == {"sealed": 3}
    finally:
        if process:
            process.kill()
            process.wait()
        ray_package.shutdown()
        cluster.shutdown()


@pytest.mark.slow
def test_leaving_the_loop_ends_what_runs_on_ray(ray_package: Any) -> None:
    """Interrupted, the processes on the nodes are asked to end too."""
    code = "import os, pathlib, time; pathlib.Path('pid').write_text(str(os.getpid())); time.sleep(100)"
    loop = run_tasks([Task("t", script("long", code))], ENGINES.call("ray", 0))
    next(loop)
    wait_for(lambda: Path("pid").exists() and Path("pid").read_text())
    loop.close()  # type: ignore[attr-defined]
    wait_for(lambda: not Path(f"/proc/{Path('pid').read_text()}").exists(), 10)


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
