"""Who works on a run, and what becomes of it when that is interrupted: machines are faked by their names."""

from __future__ import annotations

import _thread
import signal
import threading
import time
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from taken_up import Site, until

from memest.errors import BusyError, UndeliveredError
from memest.tracking import About, LocalRun, MlflowRun, deliver, home, open_run, read_columns
from memest.tracking.delivery import Delivery
from memest.tracking.heartbeat import HOST, Heartbeat
from memest.tracking.journal import Head, Journal
from memest.tracking.limits import Limits
from memest.tracking.send import Sender

pytestmark = pytest.mark.mlflow


def test_interrupted_while_the_seal_travels(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run is whole on the server, so nothing else is said of it, and delivery has nothing left to do."""
    send, closing = Sender.send, threading.Event()

    def interrupting(self: Sender, group: list[Any]) -> None:
        send(self, group)
        if any(entry.get("values", {}).get("memest.state") == "sealed" for entry in group):
            closing.wait()
            _thread.interrupt_main()
            time.sleep(0.3)

    monkeypatch.setattr(Sender, "send", interrupting)
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background ignores it
    try:
        with pytest.raises(KeyboardInterrupt), site.opened() as opened:
            opened.run._delivery._closing = closing
            opened.run.seal({})
    finally:
        signal.signal(signal.SIGINT, handler)
    assert site.state == ("FINISHED", "sealed")
    assert "finished and whole already" in deliver()


def test_a_run_called_undelivered_by_mistake_is_put_right(site: Site) -> None:
    """A delivered seal that something else was said after is said again before the journal goes."""
    with pytest.MonkeyPatch.context() as once, pytest.raises(UndeliveredError), site.opened() as opened:
        run: MlflowRun = opened.run
        run.seal({})
        until(lambda: not run._journal.left[0])
        once.setattr(Delivery, "finish", _give_up)
        once.setattr(Delivery, "complete", False)  # as if the answer to the last call was lost
    assert site.state == ("FAILED", "undelivered")
    assert "0 entries (0.0 MB) delivered" in deliver()
    assert site.state == ("FINISHED", "sealed")
    assert not list(home().rglob("head.json"))


def _give_up(self: Delivery, *_: Any) -> None:
    self.stop()
    raise UndeliveredError("not in time")


def test_interrupted_after_the_seal(site: Site) -> None:
    """A sealed run stays finished, whatever comes before the block is left."""
    with pytest.raises(KeyboardInterrupt), site.opened() as opened:
        opened.run.seal({})
        raise KeyboardInterrupt
    assert site.state == ("FINISHED", "sealed")
    assert not list(home().rglob("head.json"))


def test_a_machine_that_comes_back_leaves_the_run_to_the_other(site: Site) -> None:
    """Its own journal is older than the other's work: the server says whose the run is."""
    site.crash("one", lambda run: run.log_metrics(0, {"x": 1.0}))
    site.silent()
    site.on("two")
    with site.opened() as there:
        site.on("one")
        with pytest.raises(BusyError, match="at work on two"), site.opened():
            pass
        there.run.seal({})
    assert site.state == ("FINISHED", "sealed")


def test_the_slower_of_two_machines_stops_sending(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut off for so long that another took the run up, it says nothing past that, and errs at its end."""
    monkeypatch.setenv("MEMEST_HEARTBEAT", "0.05")
    with pytest.raises(UndeliveredError, match="is at work on two now"), site.opened() as opened:
        run: MlflowRun = opened.run
        until(lambda: not run._journal.left[0])
        site.client.set_tag(run.id, HOST, "two")
        until(lambda: run._delivery.taken)
        opened.run.seal({})
    assert site.state == ("RUNNING", "running")


def test_a_heart_of_another_machine_beats_no_more() -> None:
    """No sign of life is given for a run that is another's."""
    said: list[str] = []
    tags = {HOST: "two"}
    client: Any = SimpleNamespace(
        get_run=lambda run_id: SimpleNamespace(data=SimpleNamespace(tags=tags)),
        set_tag=lambda *arguments: said.append("beat"),
    )
    heart = Heartbeat(client, Head("a", "u", "one"), 0.01, said.append)
    heart.start()
    heart._thread.join(10)
    assert said == ["two"]


def test_a_journal_of_a_run_that_another_machine_took_up_is_not_sent(site: Site) -> None:
    """Alive there, it is left alone; dead there, that is said; nothing of the old journal arrives."""
    site.crash("one", lambda run: run.log_metrics(0, {"x": 1.0}))
    (folder,) = (path.parent for path in home().rglob("head.json"))
    old = Journal(folder, Head(folder.name, site.client.tracking_uri, "one"), Limits())
    old.append("status", value="KILLED", time=1)
    old.close()
    site.silent()
    site.on("two")
    with site.opened() as there:
        site.on("one")
        assert "is at work on two" in deliver()
        assert site.state == ("RUNNING", "running")
        site.silent()
        with pytest.raises(UndeliveredError, match=r"is of two now, which took it up after one"):
            deliver()
        assert site.state == ("RUNNING", "running")
        there.run.seal({})
    assert "finished and whole already" in deliver()


def test_no_second_points_after_two_deaths_elsewhere(site: Site) -> None:
    """What the server had when a machine took the run up is known to its journal for good."""
    site.crash("one", lambda run: [run.log_metrics(step, {"x": 1.0}) for step in range(6)])
    site.silent()
    site.crash("two", lambda run: [run.log_metrics(step, {"x": 2.0}) for step in range(8)])
    with site.opened() as opened:
        for step in range(3, 9):
            opened.run.log_metrics(step, {"x": 3.0})
        opened.run.seal({})
    points = site.client.get_metric_history(opened.run.id, "x")
    assert Counter(point.step for point in points) == dict.fromkeys(range(9), 1)


def test_back_on_the_first_machine_no_second_points(site: Site) -> None:
    """A journal that holds points of its own still asks, if another machine worked on the run meanwhile."""
    site.crash("one", lambda run: run.log_metrics(0, {"x": 1.0}))
    site.silent()
    site.crash("two", lambda run: [run.log_metrics(step, {"x": 2.0}) for step in range(3)])
    site.silent()
    site.on("one")
    with site.opened() as opened:
        for step in range(4):
            opened.run.log_metrics(step, {"x": 3.0})
        opened.run.seal({})
    points = site.client.get_metric_history(site.run.info.run_id, "x")
    assert sorted((point.step, point.value) for point in points) == [(0, 1), (1, 2), (2, 2), (3, 3)]


def test_one_configuration_in_two_experiments_at_once(site: Site) -> None:
    """And without tracking: neither keeps the others from their work; in one experiment it does."""
    site.client.create_experiment(f"{site.experiment}-b")
    with site.opened() as one, site.opened(f"{site.experiment}-b") as two:
        with open_run(site.about, "off", "") as three:
            assert not (one.done or two.done or three.done)
            three.run.seal({})
        with pytest.raises(BusyError), site.opened():
            pass
        one.run.seal({})
        two.run.seal({})


def test_a_local_run_keeps_the_first_figures_and_begins_its_sheet_anew(tmp_path: Path) -> None:
    """Timings differ from run to run; a sheet does not, unless its resume point was of another version."""
    about = About("train", "k", "n", {}, {}, "")
    first = LocalRun(tmp_path / "local")
    first.begin(about)
    first.table("tables/cost", {"seconds": [1.0]})
    first.blobs.put("sheet/a", b"one")
    first.resume.save(lambda: b"x")
    again = LocalRun(tmp_path / "local")
    again.begin(about)
    again.table("tables/cost", {"seconds": [1.1]})
    assert read_columns(again.blobs.get("tables/cost.json")) == {"seconds": [1.0]}
    again.resume.refuse("another version of torch")
    again.blobs.put("sheet/a", b"two")
    again.seal({})
    again.fail("too late")
    assert LocalRun(tmp_path / "local").sealed
    assert again.blobs.get("sheet/a") == b"two"
