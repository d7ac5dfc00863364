"""Who works on a run, and what becomes of it when that is interrupted: machines are faked by their names."""

from __future__ import annotations

import _thread
import dataclasses
import hashlib
import itertools
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from memest.errors import BusyError, JournalError, SettingError, UndeliveredError
from memest.stages.deliver import DeliverConfig
from memest.stages.deliver import deliver as deliver_stage
from memest.store.blobs import LocalBlobs
from memest.tracking import About, LocalRun, MlflowRun, connect, deliver, home, open_run, read_columns
from memest.tracking.delivery import Delivery
from memest.tracking.heartbeat import HEARTBEAT, HOST, Heartbeat
from memest.tracking.journal import Head, Journal
from memest.tracking.limits import Limits
from memest.tracking.send import Sender, Trouble

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlflow import MlflowClient

pytestmark = pytest.mark.mlflow
_numbers = itertools.count()


class Site:
    """Machines that share a store, and a configuration that nobody ran yet."""

    def __init__(self, uri: str, root: Path, patch: pytest.MonkeyPatch) -> None:
        self.client: MlflowClient = connect(uri)
        self._uri, self._root, self._patch = uri, root, patch
        self.experiment = f"takeover-{next(_numbers)}-{root.name}"
        self.about = About("train", "c0ffee" * 8, "a run", {"a": 1}, {}, "note")

    def on(self, host: str) -> None:
        """Be this machine from now on."""
        self._patch.setattr("socket.gethostname", lambda: host)
        self._patch.setenv("MEMEST_HOME", str(self._root / host))

    @contextmanager
    def opened(self, experiment: str = "") -> Iterator[Any]:
        """The run, opened here; an `Opened` whose run is an `MlflowRun`."""
        with open_run(self.about, self._uri, experiment or self.experiment) as opened:
            yield opened

    def crash(self, host: str, work: Callable[[Any], object]) -> None:
        """Work on a machine, and die there as with kill -9: nothing more is said, the lock is free."""
        self.on(host)
        with pytest.raises(_KilledError), self.opened() as opened:
            work(opened.run)
            _until(lambda: not opened.run._journal.left[0])
            opened.run._stop()
            opened.run.fail = lambda *_, **__: None
            raise _KilledError

    def silent(self) -> None:
        """Long after the last sign of life."""
        self.client.set_tag(self.run.info.run_id, HEARTBEAT, str(int(time.time()) - 1000))

    @property
    def run(self) -> Any:
        """The only run of the experiment, as the server has it."""
        found = self.client.get_experiment_by_name(self.experiment)
        (only,) = self.client.search_runs([found.experiment_id])
        return only

    @property
    def state(self) -> tuple[str, str]:
        """Status and state of the run on the server."""
        return self.run.info.status, self.run.data.tags["memest.state"]


class _KilledError(BaseException):
    pass


def _until(due: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not due():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def site(store_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Two machines that wait for little."""
    monkeypatch.setenv("MEMEST_GATHER", "0")
    made = Site(store_uri, tmp_path, monkeypatch)
    made.on("one")
    return made


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
        _until(lambda: not run._journal.left[0])
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
        _until(lambda: not run._journal.left[0])
        site.client.set_tag(run.id, HOST, "two")
        _until(lambda: run._delivery.taken)
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


@pytest.mark.parametrize(("patient", "seconds"), [(True, 0.1), (False, 0.1)])
def test_a_large_blob_has_its_time(
    patient: bool, seconds: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call that takes longer than the deadline and does not fail is waited for."""
    journal = Journal(tmp_path, Head("a", "u", "one"), Limits())
    journal.blob("sheet/a", bytes(100 if patient else 100_000))
    client: Any = SimpleNamespace()
    monkeypatch.setattr(Sender, "send", lambda self, group: time.sleep(0.6))
    delivery = Delivery(journal, client, Limits(gather=0))
    delivery.start()
    delivery.finish(seconds, patient)
    assert delivery.complete


def test_a_small_blob_that_hangs_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside it, the deadline is what it was."""
    journal = Journal(tmp_path, Head("a", "u", "one"), Limits())
    journal.blob("sheet/a", bytes(100))
    client: Any = SimpleNamespace()
    monkeypatch.setattr(Sender, "send", lambda self, group: time.sleep(4))
    delivery = Delivery(journal, client, Limits(gather=0))
    delivery.start()
    with pytest.raises(UndeliveredError, match="no answer"):
        delivery.finish(0.1)


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


def test_deliver_writes_nothing_into_foreign_folders(tmp_path: Path) -> None:
    """A `head.json` of somebody else is named and left alone; empty text is no folder."""
    foreign = tmp_path / "theirs" / "journal" / "x"
    foreign.mkdir(parents=True)
    for content in ("{}", "[1]", '{"run_id": 1, "uri": 2, "host": 3}', "not json"):
        (foreign / "head.json").write_text(content)
        with pytest.raises(UndeliveredError, match="holds no journal of a run"):
            deliver(tmp_path)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["head.json"]
    with pytest.raises(SettingError, match="--folder is the journal"):
        deliver_stage(DeliverConfig(folder=" "))


def test_a_damaged_blob_does_not_travel(tmp_path: Path) -> None:
    """What the journal says of its bytes is checked before they are sent; trying again would not help."""
    files = LocalBlobs(tmp_path)
    files.put("sheet/a", b"damaged")
    client: Any = SimpleNamespace()
    entry = {"kind": "blob", "name": "sheet/a", "sha256": hashlib.sha256(b"whole").hexdigest()}
    with pytest.raises(JournalError, match="was damaged") as error:
        Sender(client, "a", files).send([entry])
    assert Trouble.of(error.value).refused
    files.path("sheet/a").unlink()
    with pytest.raises(JournalError, match="cannot be read"):
        Sender(client, "a", files).send([entry])


def test_a_disk_that_is_full_leaves_no_thread_behind(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """How the run ended is then said past the journal."""

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"), site.opened() as opened:
        run: MlflowRun = opened.run
        _until(lambda: not run._journal.left[0])
        monkeypatch.setattr(Journal, "append", full)
        opened.run.log_metrics(0, {"x": 1.0})
    assert site.state == ("FAILED", "failed")
    assert not run._delivery._thread.is_alive()
    assert run._heartbeat._stopped.is_set()


def test_what_was_delivered_is_read_from_this_machine(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """A server that is gone at that moment does not matter; a cache that cannot be written is a warning."""
    with site.opened() as opened:
        opened.run.blobs.put("sheet/a", b"one")
        opened.run.seal({})
    opened.run.blobs._store._client = None
    assert opened.run.blobs.names("sheet") == ["sheet/a"]
    assert opened.run.blobs.names("") == ["config.json"]
    assert opened.run.blobs.get("sheet/a") == b"one"
    site.on("two")
    home().mkdir()
    (home() / "cache").write_text("no folder")
    site.about = dataclasses.replace(site.about, key="decade" * 8)
    with site.opened() as opened:
        opened.run.seal({})
    assert "config.json is not kept in the cache" in caplog.text
    assert not list(home().rglob("head.json"))
