"""Runs that die and go on: to the same bytes, in the same run, without a second point."""

from __future__ import annotations

import itertools
import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from forked import Forked
from mlflow import MlflowClient

from memest.grammar.config import build
from memest.runs import resume
from memest.runs.auroc_curves import auroc_curves
from memest.runs.config import TrainConfig
from memest.scores import Scorer
from memest.stages import score, train
from memest.store import Blobs, LocalBlobs, SheetReader, SheetWriter
from memest.store.artifacts import ArtifactBlobs
from memest.tracking import ResumePoint
from memest.tracking.journal import read_head
from memest.train import checkpoint

if TYPE_CHECKING:
    from conftest import Platform

pytestmark = [pytest.mark.mlflow, pytest.mark.pictures]
EPOCHS = 6
FOLDERS = ("sheet", "checkpoint", "figures")
_names = itertools.count()


def settings(**more: Any) -> dict[str, Any]:
    """Settings of a short run with every kind of score, kept networks and a learning rate that changes."""
    return {
        "corruption": "symmetric_noise(rate=0.05)",
        "epochs": EPOCHS,
        "limit": 200,
        "scores": "logits, curvature(probes=2)",
        "gradient_every": 4,
        "checkpoints": "every(k=2)",
        "tracking": "off",
        **more,
    }


def run(**more: Any) -> Any:
    """Train in this process."""
    return train.train(build(TrainConfig, settings(**more)))


def everything(blobs: Blobs) -> dict[str, bytes]:
    """Every blob of a run, but for settings and tables: one of them says how long it took."""
    return {name: blobs.get(name) for folder in FOLDERS for name in blobs.names(folder)}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What a run leaves that nothing disturbed."""
    before = Path.cwd()
    os.chdir(tmp_path_factory.mktemp("whole"))
    try:
        return everything(run().run.blobs)
    finally:
        os.chdir(before)


@pytest.fixture
def tracked(store_uri: str) -> dict[str, str]:
    """Settings that put runs into a fresh experiment of the shared store."""
    return {"tracking": store_uri, "experiment": f"resume-{next(_names)}-{Path.cwd().name}"}


class _DiedError(Exception):
    pass


def die(monkeypatch: pytest.MonkeyPatch, name: str, at: int) -> list[int]:
    """Let `measure` of the scorer, or `report` of the stage, raise at call number `at`; calls are counted."""
    place = Scorer if name == "measure" else train
    real, calls = getattr(place, name), [0]

    def dying(*arguments: Any) -> Any:
        calls[0] += 1
        if calls[0] == at + 1:
            raise _DiedError
        return real(*arguments)

    monkeypatch.setattr(place, name, dying)
    return calls


@pytest.mark.parametrize("epoch", range(EPOCHS + 1))
def test_a_local_run_goes_on_after_any_epoch(
    epoch: int, whole: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sheet, checkpoints and figures are the same bytes; no epoch is measured, and none of the curves logged,
    twice or never.
    """
    monkeypatch.setenv("MEMEST_RESUME_EVERY_EPOCH", "1")
    with monkeypatch.context() as once:
        die(once, "measure", epoch)
        with pytest.raises(_DiedError):
            run()
    calls = die(monkeypatch, "measure", 99)
    opened = run()
    assert calls == [EPOCHS + 1 - epoch]
    assert everything(opened.run.blobs) == whole
    lines = map(json.loads, (Path(opened.run.id) / "entries.jsonl").read_text().splitlines())
    metrics = [line for line in lines if line["kind"] == "metrics"]
    assert [line["step"] for line in metrics] == [*range(EPOCHS + 1), EPOCHS, EPOCHS]  # costs, detection
    sheet = SheetReader.open(opened.run.blobs)
    for step, curves in auroc_curves(sheet, sheet.truth()["changed"].astype(bool)).items():
        assert curves.items() <= metrics[step]["values"].items()
    assert not opened.resume.there


def test_a_run_that_failed_at_its_report_trains_no_more(
    whole: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the last epoch the point is always saved: what comes then costs no training again."""
    with monkeypatch.context() as once:
        die(once, "report", 0)
        with pytest.raises(_DiedError):
            run()
    calls = die(monkeypatch, "measure", 99)
    assert everything(run().run.blobs) == whole
    assert calls == [0]


@pytest.mark.parametrize("epoch", [2, EPOCHS])
def test_a_run_that_died_before_it_kept_a_network_keeps_it(
    epoch: int, whole: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The point is saved first; the network of its epoch is then kept from the point, as the same bytes."""
    monkeypatch.setenv("MEMEST_RESUME_EVERY_EPOCH", "1")
    put = LocalBlobs.put

    def dying(self: LocalBlobs, name: str, content: bytes) -> None:
        if name == checkpoint.name(epoch):
            raise _DiedError
        put(self, name, content)

    with monkeypatch.context() as once:
        once.setattr(LocalBlobs, "put", dying)
        with pytest.raises(_DiedError):
            run()
    calls = die(monkeypatch, "measure", 99)
    assert everything(run().run.blobs) == whole
    assert calls == [EPOCHS - epoch]


def test_a_failed_run_is_taken_up(
    tracked: dict[str, str], store_uri: str, whole: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes on in the same run on the server, which then is as if nothing had happened."""
    monkeypatch.setenv("MEMEST_RESUME_EVERY_EPOCH", "1")
    client = MlflowClient(store_uri)
    for epoch in (2, 3):
        with monkeypatch.context() as once:
            die(once, "measure", epoch)
            with pytest.raises(_DiedError):
                run(**tracked)
        (failed,) = client.search_runs([client.get_experiment_by_name(tracked["experiment"]).experiment_id])
        assert (failed.info.status, failed.data.tags["memest.error"]) == ("FAILED", "_DiedError: ")
    opened = run(**tracked)
    assert opened.run.id == failed.info.run_id
    assert_as_undisturbed(client, tracked["experiment"], whole)


def assert_as_undisturbed(client: MlflowClient, experiment: str, whole: dict[str, bytes]) -> None:
    """One run, sealed, with the bytes of an undisturbed one, read from the store, and one point per epoch."""
    (found,) = client.search_runs([client.get_experiment_by_name(experiment).experiment_id])
    assert (found.info.status, found.data.tags["memest.state"]) == ("FINISHED", "sealed")
    assert not found.data.tags.get("memest.error")
    assert everything(ArtifactBlobs(client, found.info.run_id)) == whole
    for name in found.data.metrics:
        steps = [point.step for point in client.get_metric_history(found.info.run_id, name)]
        assert sorted(set(steps)) == sorted(steps), name
    for name, first in (("weight_norm", 0), ("train/loss", 1)):
        steps = [point.step for point in client.get_metric_history(found.info.run_id, name)]
        assert sorted(steps) == list(range(first, EPOCHS + 1))


def start(**more: Any) -> Forked:
    """Train in a process of its own."""
    return Forked(["memest", "train", *(f"--{name}={value}" for name, value in settings(**more).items())])


def said() -> str:
    """Everything in the one journal of this folder."""
    return "".join(path.read_text() for path in Path(".memest").rglob("entries.jsonl"))


def kill_when(process: Forked, due: Callable[[], bool]) -> None:
    """kill -9 as soon as `due` says so."""
    deadline = time.monotonic() + 240
    while not due():
        assert process.poll() is None, f"ended before it could be killed: {process.said}"
        assert time.monotonic() < deadline
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL


@pytest.mark.slow
def test_killed_at_any_moment_the_run_goes_on(platform: Platform, whole: dict[str, bytes]) -> None:
    """kill -9 after an epoch's metrics and before its resume point, and while an upload hangs: it goes on.

    In between the last line of the journal is torn, as by a machine that lost its power.
    """
    experiment = platform.experiment("direct")
    where = {"tracking": platform.server.url, "experiment": experiment}
    kill_when(start(**where), lambda: said().count('"scoring_seconds"') >= 3)
    (journal,) = (path.parent for path in Path(".memest").rglob("entries.jsonl"))
    with (journal / "entries.jsonl").open("ab") as torn:
        torn.write(b'{"kind": "metrics", "val')
    platform.store.silent()
    kill_when(start(**where), lambda: "sheet/manifest.json" in said())
    platform.store.up()
    run(**where)
    assert_as_undisturbed(platform.client, experiment, whole)
    assert not journal.exists()


@pytest.mark.slow
def test_the_next_run_of_mlflow_run_becomes_a_ticket(
    tracked: dict[str, str], store_uri: str, whole: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A killed run is taken up by the next `mlflow run`, whose own run points at it."""
    client = MlflowClient(store_uri)
    experiment = client.create_experiment(tracked["experiment"])
    given = [client.create_run(experiment).info.run_id for _ in range(2)]
    monkeypatch.setenv("MLFLOW_RUN_ID", given[0])
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store_uri)
    kill_when(start(**tracked), lambda: said().count('"scoring_seconds"') >= 2)
    client.set_terminated(given[0], "FAILED")  # what `mlflow run` does when its child is killed
    monkeypatch.setenv("MLFLOW_RUN_ID", given[1])
    assert run(**tracked).run.id == given[0]
    ticket = client.get_run(given[1])
    assert (ticket.info.status, ticket.data.tags["memest.ticket_of"]) == ("FINISHED", given[0])
    client.delete_run(given[1])
    assert_as_undisturbed(client, tracked["experiment"], whole)


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
        with pytest.raises(_DiedError):
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


def test_scoring_goes_on_too(
    tracked: dict[str, str], store_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A scoring run that died measures only what was not measured, and its sheet is as if it had not died."""
    monkeypatch.setenv("MEMEST_RESUME_EVERY_EPOCH", "1")
    trained = run(**tracked).run.id
    wanted = {"run": trained, "scores": "loss, curvature(probes=2)", "tracking": tracked["tracking"]}
    config = build(score.ScoreConfig, wanted)
    measure, calls = Scorer.measure, [0]

    def dying(*arguments: Any) -> Any:
        calls[0] += 1
        if calls[0] == 3:
            raise _DiedError
        return measure(*arguments)

    monkeypatch.setattr(Scorer, "measure", dying)
    with pytest.raises(_DiedError):
        score.score(config)
    again = score.score(config)
    assert calls == [2 + 1 + 2]
    client = MlflowClient(store_uri)
    assert client.get_run(again.run.id).info.status == "FINISHED"
    first = everything(again.run.blobs)
    client.delete_run(again.run.id)
    anew = score.score(config)
    assert anew.run.id != again.run.id
    assert everything(anew.run.blobs) == first


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
            with pytest.raises(_DiedError):
                run(**tracked)
        (folder,) = (path.parent for path in Path(".memest").rglob("head.json"))
        head = read_head(folder)
        assert (head.run_id, head.uri, head.host) == (folder.name, tracked["tracking"], host)
