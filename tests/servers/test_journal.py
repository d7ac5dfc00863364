"""Journals and blobs on a disk: torn lines, limits, damage, and how many calls they are sent in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from delivered import entries

from memest.errors import (
    ChangeRefusedError,
    JournalError,
    MemestError,
    SettingError,
    SheetError,
    UndeliveredError,
    masked,
)
from memest.store.artifacts import ArtifactBlobs
from memest.tracking import deliver
from memest.tracking.journal import Head, Journal
from memest.tracking.limits import Limits
from memest.tracking.send import Trouble, batches

pytestmark = pytest.mark.mlflow


HEAD = Head("a1b2c3", "http://127.0.0.1:5000", "here")


def journal(folder: Path, **limits: float) -> Journal:
    """The journal in a folder, as a new process opens it."""
    return Journal(folder, HEAD, Limits(**limits))


def test_a_torn_line_is_cut_off(tmp_path: Path) -> None:
    """Wherever a crash cut the last line, the lines before it stay, and writing goes on after them."""
    written = journal(tmp_path)
    written.add_metrics(0, {"loss": 2.5})
    written.add_metrics(1, {"loss": 0.1})
    path = tmp_path / "entries.jsonl"
    whole = path.read_bytes()
    first = whole.index(b"\n") + 1
    for cut in range(first, len(whole)):
        path.write_bytes(whole[:cut])
        again = journal(tmp_path)
        again.add_metrics(2, {"loss": 0.5})
        again.close()
        assert [entry["step"] for entry in entries(tmp_path)] == [0, 2]


def test_a_damaged_line_in_the_middle_is_refused(tmp_path: Path) -> None:
    """What was said before and after it cannot be trusted to be all."""
    written = journal(tmp_path)
    for step in range(3):
        written.add_metrics(step, {"loss": 1.0})
    path = tmp_path / "entries.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"step": 1', b'"step": :'))
    with pytest.raises(JournalError, match="damaged at byte"):
        journal(tmp_path)


def test_the_first_value_of_an_epoch_stays(tmp_path: Path) -> None:
    """An epoch that is run again after a crash adds no second point, in this process or the next."""
    first = journal(tmp_path)
    first.mark_known({"old": [0, 1]})
    first.add_metrics(1, {"loss": 0.5, "speed": 10, "old": 3})
    first.add_metrics(1, {"loss": 0.5, "speed": 11})
    journal(tmp_path).add_metrics(1, {"loss": 0.5, "speed": 12, "new": 1, "old": 4})
    said = [entry["values"] for entry in entries(tmp_path) if entry["kind"] == "metrics"]
    assert said == [{"loss": 0.5, "speed": 10.0}, {"new": 1.0}]


def test_blobs_wait_beside_the_journal(tmp_path: Path) -> None:
    """The same bytes may come again, other bytes are refused; a file of which no line speaks is no blob."""
    first = journal(tmp_path)
    first.files.put("sheet/a", b"left by a process that died before its line was written")
    first.blob("sheet/a", b"one")
    first.blob("sheet/a", b"one")
    again = journal(tmp_path)
    assert again.files.get("sheet/a") == b"one"
    with pytest.raises(ChangeRefusedError, match="sheet/a of run a1b2c3 was written before with other bytes"):
        again.blob("sheet/a", b"two")
    again.blob("tables/cost.json", b"3.1 seconds")
    again.blob("tables/cost.json", b"3.2 seconds")
    assert again.files.get("tables/cost.json") == b"3.1 seconds"
    assert len(entries(tmp_path)) == 2


def test_what_waits_has_a_limit(tmp_path: Path) -> None:
    """The run is ended before the disk is full; what was delivered does not count."""
    small = journal(tmp_path / "a", journal_gb=3e-6)
    small.blob("sheet/a", bytes(2000))
    with pytest.raises(JournalError, match=r"wait for delivery in .*a, more than 3e-06: .*MEMEST_JOURNAL_GB"):
        small.blob("sheet/b", bytes(2000))
    small.append("tags", values={"memest.error": "what happened can always be said"})
    *_, (_, end) = small.after(0)
    small.delivered(end)
    small.blob("sheet/b", bytes(2000))
    with pytest.raises(JournalError, match=r"are free .*MEMEST_SPARE_GB"):
        journal(tmp_path / "b", spare_gb=1e9).add_metrics(0, {"loss": 1})


def test_delivery_goes_on_where_it_stopped(tmp_path: Path) -> None:
    """The position outlives the process; one that lies outside the journal means the beginning."""
    first = journal(tmp_path)
    for step in range(3):
        first.add_metrics(step, {"loss": 1.0})
    (_, end), *_ = first.after(0)
    first.delivered(end)
    assert journal(tmp_path).left[0] == 2
    assert [entry["step"] for entry, _ in journal(tmp_path).after(journal(tmp_path).position)] == [1, 2]
    for lost in ("999999", "", "x", "-5"):
        (tmp_path / "position").write_text(lost)
        assert journal(tmp_path).left[0] == 3


def test_entries_are_sent_in_as_few_calls_as_mlflow_takes() -> None:
    """Values are gathered up to what one call takes; blobs go alone; the order stays."""
    values = {f"m{n}": 1.0 for n in range(100)}
    metrics = [{"kind": "metrics", "values": values, "step": step, "time": 1} for step in range(20)]
    blob = {"kind": "blob", "name": "sheet/a"}
    groups = list(batches([(entry, n) for n, entry in enumerate([*metrics, blob, *metrics[:2]])]))
    assert [len(group) for group, _ in groups] == [8, 8, 4, 1, 2]
    assert [end for _, end in groups] == [7, 15, 19, 20, 22]


def test_limits_come_from_the_environment() -> None:
    """What is not set has its default; what is no number is refused by its name."""
    assert Limits.read({"MEMEST_DEADLINE": "2.5"}) == Limits(deadline=2.5)
    for bad in ("", "soon", "-1", "nan", "inf"):
        with pytest.raises(SettingError, match=r"MEMEST_DEADLINE is a number of at least 0, such as 120"):
            Limits.read({"MEMEST_DEADLINE": bad})
    with pytest.raises(SettingError, match=r"MEMEST_HEARTBEAT is a number above 0"):
        Limits.read({"MEMEST_HEARTBEAT": "0"})


def test_credentials_are_never_shown() -> None:
    """Errors of our own, whatever they quote, and the text of others."""
    text = "mail a@b.c: cannot reach http://user:pa:ss@host:5000/api, nor postgresql://me:x@db/mlflow"
    clean = "mail a@b.c: cannot reach http://…@host:5000/api, nor postgresql://…@db/mlflow"
    assert masked(text) == str(MemestError(text)) == str(UndeliveredError(text)) == clean
    assert Trouble.of(OSError(text)).text == f"OSError: {clean}"


class _Listing:
    """A store that lists these names for any run; a real one cannot be made to."""

    def __init__(self, *names: str) -> None:
        self._names = names

    def list_artifacts(self, path: str | None) -> list[Any]:
        from mlflow.entities import FileInfo

        return [FileInfo(name, False, 1) for name in self._names]


@pytest.mark.parametrize("name", ["../a", "sheet/../../a", "/etc/passwd", "sheet/..", "other/a", "sheet/a/b"])
def test_a_server_cannot_name_what_lies_elsewhere(name: str) -> None:
    """A listing that climbs out of its folder is refused; a file that somebody added is left out."""
    nobody: Any = None
    blobs = ArtifactBlobs(nobody, "run", uri="file:///x")
    vars(blobs)["_artifacts"] = _Listing("sheet/a", name)
    with pytest.raises(SheetError, match="refused"):
        blobs.names("sheet")
    vars(blobs)["_artifacts"] = _Listing("sheet/a", "sheet/my notes.txt")
    assert blobs.names("sheet") == ["sheet/a"]


def test_an_upload_that_was_cut_short_is_made_again(store_uri: str, tmp_path: Path) -> None:
    """A store of plain files can be left with the beginning of a blob; other bytes are still refused."""
    from mlflow import MlflowClient

    client = MlflowClient(store_uri)
    experiment = client.create_experiment(tmp_path.name, (tmp_path / "store").as_uri())
    blobs = ArtifactBlobs(client, client.create_run(experiment).info.run_id)
    file = tmp_path / "block.bin"
    file.write_bytes(b"all of it")
    blobs.send("sheet/block.bin", file, there=False)
    (kept,) = (tmp_path / "store").rglob("block.bin")
    for torn in (b"", b"all", b"all of it"):
        kept.write_bytes(torn)
        blobs.send("sheet/block.bin", file, there=True)
        assert kept.read_bytes() == b"all of it"
    kept.write_bytes(b"all of that")
    with pytest.raises(ChangeRefusedError):
        blobs.send("sheet/block.bin", file, there=True)


def test_nothing_to_deliver_is_said(tmp_path: Path) -> None:
    """An empty home is fine; a folder that was named and holds no journal is not."""
    assert "nothing waits" in deliver()
    with pytest.raises(SettingError, match="no journal of a run in"):
        deliver(tmp_path)
