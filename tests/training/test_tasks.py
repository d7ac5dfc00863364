"""The queue and the engine of this machine, with processes that do nothing much."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from sweeping import executed, local, script, wait_for

from memest.sweep import ENGINES, Event, Status, Task, run_tasks
from memest.sweep.console import Console


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
    assert Path("asked").exists()


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
