"""Runs that die and go on: to the same bytes, in the same run, without a second point."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from forked import Forked
from mlflow import MlflowClient
from resumed import EPOCHS, DiedError, die, everything, run, said, settings

from memest.grammar.config import build
from memest.runs.auroc_curves import auroc_curves
from memest.scores import Scorer
from memest.stages import score
from memest.store import LocalBlobs, SheetReader
from memest.store.artifacts import ArtifactBlobs
from memest.training import checkpoint

if TYPE_CHECKING:
    from conftest import Platform


pytestmark = [pytest.mark.mlflow, pytest.mark.pictures]


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
        with pytest.raises(DiedError):
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
        with pytest.raises(DiedError):
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
            raise DiedError
        put(self, name, content)

    with monkeypatch.context() as once:
        once.setattr(LocalBlobs, "put", dying)
        with pytest.raises(DiedError):
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
            with pytest.raises(DiedError):
                run(**tracked)
        (failed,) = client.search_runs([client.get_experiment_by_name(tracked["experiment"]).experiment_id])
        assert (failed.info.status, failed.data.tags["memest.error"]) == ("FAILED", "DiedError: ")
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
            raise DiedError
        return measure(*arguments)

    monkeypatch.setattr(Scorer, "measure", dying)
    with pytest.raises(DiedError):
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
