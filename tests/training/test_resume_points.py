"""Resume points: what is refused, when they are saved, and what they need."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from resumed import EPOCHS, DiedError, die, everything, run

from memest.runs import resume
from memest.store import LocalBlobs, SheetReader, SheetWriter
from memest.tracking import ResumePoint
from memest.tracking.journal import read_head
from memest.training import checkpoint

pytestmark = [pytest.mark.mlflow, pytest.mark.pictures]


class _Bomb:
    def __reduce__(self) -> Any:
        return Path.touch, (Path("executed"),)


def _points(key: str) -> dict[str, bytes]:
    """Files that are no resume point of this run."""
    sheet = torch.zeros(40, dtype=torch.uint8)
    marks = {"format": resume.FORMAT, "torch": str(torch.__version__), "training": {}, "sheet": sheet}
    return {
        "a bomb": checkpoint.pack({"key": key, **marks, "training": _Bomb()}),
        "no archive": b"half of someth",
        "empty": b"",
        "a list": checkpoint.pack([1, 2]),  # type: ignore[arg-type]
        "of another run": checkpoint.pack({"key": "f" * 64, **marks}),
        "of another version": checkpoint.pack({"key": key, **marks, "torch": "0.1"}),
        "of another sheet": checkpoint.pack({"key": key, **marks}),
    }


@pytest.mark.parametrize("kind", _points(""))
def test_a_planted_point_is_refused(
    kind: str, whole: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing in it is executed; a warning says why it is not used, and the run starts anew."""
    with monkeypatch.context() as once:
        die(once, "report", 0)
        with pytest.raises(DiedError):
            run()
    (path,) = Path(".memest").rglob("resume.pt")
    key = torch.load(path, weights_only=True)["key"]
    path.write_bytes(_points(key)[kind])
    calls = die(monkeypatch, "measure", 99)
    assert everything(run().run.blobs) == whole
    assert calls == [EPOCHS + 1]
    assert not Path("executed").exists()
    assert "resume.pt is not used, the run starts anew" in caplog.text


def test_saving_takes_one_hundredth_of_the_time(tmp_path: Path) -> None:
    """The first point at once, the next after a hundred times what that took, or whenever it must be."""
    now = [0.0]
    saved: list[float] = []
    point = ResumePoint(tmp_path, lambda: None, clock=lambda: now[0])

    def make() -> bytes:
        saved.append(now[0])
        now[0] += 2
        return b"x"

    while now[0] < 1000:
        point.save(make)
        now[0] += 10
    assert saved == [0, 202, 404, 606, 808]
    point.save(make, must=True)
    assert len(saved) == 6
    assert ResumePoint(tmp_path, lambda: None).load() == b"x"


def test_a_point_is_whole_or_not_there(tmp_path: Path) -> None:
    """A process that dies while it saves leaves the point before; what was said before is safe first."""
    order: list[str] = []
    point = ResumePoint(tmp_path, lambda: order.append("said"))
    point.save(lambda: (order.append("made"), b"one")[1])
    assert order == ["said", "made"]
    with pytest.raises(ZeroDivisionError):
        point.save(lambda: bytes(1 // 0), must=True)
    assert point.load() == b"one"
    point.clear()
    assert point.load() is None


def test_a_resume_point_needs_its_blocks(tmp_path: Path) -> None:
    """A point whose blocks are gone is refused rather than trusted."""
    done = run()
    header = SheetReader.open(done.run.blobs).manifest.header
    ids = SheetReader.open(done.run.blobs).summary()["id"]

    def writer(folder: str) -> SheetWriter:
        return SheetWriter(LocalBlobs(tmp_path / folder), header, ids, 1, lambda key: {})

    sheet = writer("here")
    for epoch in range(3):
        sheet.put(epoch, {}, {"weight_norm": 1.0})
    point = ResumePoint(tmp_path, lambda: None)
    point.save(lambda: resume.pack("k", sheet))
    assert resume.restore(point, "k", writer("elsewhere"), torch.device("cpu")) == resume.Restored()
    assert not point.there


def test_a_journal_says_whose_it_is(tracked: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Run, server and machine; when another machine takes the run up, that machine."""
    for host in ("one", "two"):
        with monkeypatch.context() as once:
            once.setattr("socket.gethostname", lambda host=host: host)
            die(once, "measure", 1)
            with pytest.raises(DiedError):
                run(**tracked)
        (folder,) = (path.parent for path in Path(".memest").rglob("head.json"))
        head = read_head(folder)
        assert (head.run_id, head.uri, head.host) == (folder.name, tracked["tracking"], host)
