"""Blobs that are large, hang, are damaged or do not fit a disk."""

from __future__ import annotations

import dataclasses
import hashlib
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from taken_up import Site, until

from memest.cli import main
from memest.errors import JournalError, UndeliveredError
from memest.store.blobs import LocalBlobs
from memest.tracking import MlflowRun, deliver, home
from memest.tracking.delivery import Delivery
from memest.tracking.journal import Head, Journal
from memest.tracking.limits import Limits
from memest.tracking.send import Sender, Trouble

pytestmark = pytest.mark.mlflow


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


def test_deliver_writes_nothing_into_foreign_folders(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A `head.json` of somebody else is named and left alone; empty text is no folder."""
    foreign = tmp_path / "theirs" / "journal" / "x"
    foreign.mkdir(parents=True)
    for content in ("{}", "[1]", '{"run_id": 1, "uri": 2, "host": 3}', "not json"):
        (foreign / "head.json").write_text(content)
        with pytest.raises(UndeliveredError, match="holds no journal of a run"):
            deliver(tmp_path)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["head.json"]
    assert main(["deliver", "--folder", " "]) == 2
    assert "--folder came empty" in capsys.readouterr().err


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
        until(lambda: not run._journal.left[0])
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
