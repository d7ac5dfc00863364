"""The stages end to end: real digits, real networks, a real MLflow store."""

from __future__ import annotations

import dataclasses
import json
import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from forked import Forked
from mlflow import MlflowClient
from short_runs import NOISE, training
from sklearn.metrics import roc_auc_score

from memest import cli
from memest.errors import (
    BusyError,
    InputError,
    NonFiniteError,
)
from memest.grammar.config import build, flags
from memest.runs.config import TrainConfig
from memest.stages import analyze, train
from memest.store import SheetReader
from memest.summaries import suspicion

pytestmark = pytest.mark.mlflow


PROJECT = Path(__file__).parents[2]


@pytest.fixture
def client(store_uri: str) -> MlflowClient:
    """A client of the shared store."""
    return MlflowClient(store_uri)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_wrong_digits_are_found(seed: int) -> None:
    """With their declared directions csl, aum, mean_correct and first_learned find 5 % wrong digits."""
    opened = train.train(training(limit=0, epochs=12, seed=seed))
    summary = SheetReader.open(opened.run.blobs).summary()
    assert summary["changed"].sum() == 71
    for name in ("csl", "seen/csl", "aum", "mean_correct", "first_learned"):
        assert roc_auc_score(summary["changed"], suspicion(name, summary[name])) > 0.8, name


@pytest.mark.pictures
def test_a_run_says_what_it_is_in_mlflow(tracked: dict[str, str], client: MlflowClient) -> None:
    """Parameters, tags, per-epoch metrics, the dataset input, artifacts: all there without opening a file."""
    opened = train.train(training(seed=4, **tracked))
    run = client.get_run(opened.run.id)
    assert run.info.status == "FINISHED"
    assert run.data.tags["memest.state"] == "sealed"
    assert run.data.tags["memest.corruption"] == NOISE
    assert run.data.params["cfg.model"] == run.data.tags["memest.model"] == "tiny"
    history = client.get_metric_history(opened.run.id, "train/loss")
    assert [point.step for point in history] == [1, 2]
    assert run.inputs.dataset_inputs[0].dataset.digest == run.data.tags["mlflow.memest.fingerprint"][:32]
    assert "auroc/csl" in run.data.metrics
    assert len(run.data.tags["mlflow.note.content"]) > 50
    found = {
        a.path
        for folder in ("", "sheet", "figures", "tables")
        for a in client.list_artifacts(run.info.run_id, folder)
    }
    assert {"config.json", "sheet/manifest.json", "sheet/summary.parquet", "sheet/truth.parquet"} <= found
    assert {"figures/csl.png", "figures/suspicious.png", "tables/suspicious.json"} <= found


def test_the_same_configuration_is_not_run_twice(tracked: dict[str, str]) -> None:
    """A second identical call finds the finished run; another seed is another run."""
    first, again = train.train(training(**tracked)), train.train(training(**tracked))
    other = train.train(training(seed=9, **tracked))
    assert (first.done, again.done, other.done) == (False, True, False)
    assert first.run.id == again.run.id != other.run.id


def test_a_given_run_becomes_a_ticket(
    tracked: dict[str, str], client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`mlflow run` makes a run first: it is adopted, or, where the work is done, points at that."""
    experiment = client.create_experiment(tracked["experiment"])
    given = [client.create_run(experiment).info.run_id for _ in range(2)]
    for run_id in given:
        monkeypatch.setenv("MLFLOW_RUN_ID", run_id)
        assert train.train(training(**tracked)).run.id == given[0]
    ticket = client.get_run(given[1])
    assert ticket.data.tags["memest.ticket_of"] == given[0]
    assert ticket.info.status == "FINISHED"
    found = analyze.analyze(build(analyze.AnalyzeConfig, tracked))
    assert "1 run:" in found.text


def test_a_run_twice_gives_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file of the sheet is the same bit for bit when the run is made again from nothing."""
    sheets = []
    for home in ("one", "two"):
        monkeypatch.setenv("MEMEST_HOME", home)
        blobs = train.train(training(scores="logits, curvature(probes=2)", gradient_every=2)).run.blobs
        sheets.append({name: blobs.get(name) for name in blobs.names("sheet")})
    assert sheets[0] == sheets[1]
    assert len(sheets[0]) == 5


def test_the_noise_seed_moves_labels_only() -> None:
    """Another corruption seed changes other labels and leaves the untouched network's logits as they are."""
    peaks, changed = [], []
    for seed in (0, 1):
        sheet = SheetReader.open(train.train(training(corruption_seed=seed)).run.blobs)
        peaks.append(sheet.trace("peak")[1][0])
        changed.append(sheet.truth()["changed"])
    np.testing.assert_array_equal(peaks[0], peaks[1])
    assert (changed[0] != changed[1]).any()


def test_a_crash_marks_the_run_failed(tracked: dict[str, str], client: MlflowClient) -> None:
    """Training that diverges ends as FAILED, with the epoch and the examples as the reason."""
    with pytest.raises(NonFiniteError, match="epoch 1"):
        train.train(training(lr=1e30, **tracked))
    (run,) = client.search_runs([client.get_experiment_by_name(tracked["experiment"]).experiment_id])
    assert run.info.status == "FAILED"
    assert "not finite at epoch 1" in run.data.tags["memest.error"]


def test_two_trainers_of_one_configuration_keep_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """While one process works on a configuration another is told so."""
    from filelock import FileLock

    train.train(training())
    (folder,) = Path(".memest/runs").iterdir()
    with FileLock(folder / "lock"), pytest.raises(BusyError, match="another process"):
        train.train(training())


def test_mlproject_knows_the_flags() -> None:
    """Every flag is an MLproject parameter with the same default, but those MLflow has of its own."""
    project = yaml.safe_load((PROJECT / "MLproject").read_text())
    own = {"experiment", "tracking"}
    for entry in ("train", "score", "analyze", "sweep", "experiment", "tune"):
        kind = cli.COMMANDS[entry].kind
        wanted = {
            n: f for n, f in flags(kind).items() if n not in own or (entry, n) == ("analyze", "experiment")
        }
        parameters = project["entry_points"][entry]["parameters"]
        assert list(parameters) == list(wanted)
        for name, flag in wanted.items():
            assert flag.read(parameters[name]["default"]) == flag.read(flag.default), name
        assert re.findall(r"{(\w+)}", project["entry_points"][entry]["command"]) == list(wanted)


def test_every_setting_decides_the_key_or_says_not() -> None:
    """A new setting belongs to the run key unless it declares that it cannot change the numbers.

    A budget is none of a run's settings any more when it begins: what it chose is.
    """
    outside = {name for name, flag in flags(TrainConfig).items() if not flag.in_key}
    assert outside == {"device", "experiment", "tracking"}


def test_configurations_are_frozen() -> None:
    """A configuration cannot change after it was checked."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        training().seed = 3  # type: ignore[misc]


def test_the_classes_belong_to_the_identity() -> None:
    """The same pixels and labels with more classes make another network, and so another run."""
    images, labels = np.zeros((60, 8, 8), np.uint8), np.arange(60) % 3
    fingerprints = set()
    for count in (3, 7):
        np.savez("mine.npz", images=images, labels=labels, classes=[f"class {c}" for c in range(count)])
        opened = train.train(training(data="npz(path=mine.npz)", limit=0, corruption="none"))
        assert not opened.done
        fingerprints.add(SheetReader.open(opened.run.blobs).manifest.header.fingerprint)
    assert len(fingerprints) == 2


def test_a_failed_local_run_is_not_done(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that broke after its sheet was written is made again, from an empty folder."""
    with monkeypatch.context() as broken:
        broken.setattr(train, "report", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            train.train(training())
    assert not train.train(training()).done
    assert train.train(training()).done


def test_an_error_leaves_a_finished_run_finished(
    sealed: dict[str, str], client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bad input under a run id that is in use already does not touch that run."""
    run_id = train.train(training(**sealed)).run.id
    monkeypatch.setenv("MLFLOW_RUN_ID", run_id)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", sealed["tracking"])
    assert cli.main(["train", "--epochs", "0"]) == 2
    assert client.get_run(run_id).info.status == "FINISHED"


@pytest.mark.pictures
def test_the_main_entry_point_runs_under_mlflow(
    store_uri: str, client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`mlflow run .` gives one run for the whole demo: it ends as the ticket of the analysis."""
    from memest.stages import demo

    given = client.create_run("0").info.run_id
    monkeypatch.setenv("MLFLOW_RUN_ID", given)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store_uri)
    short = {"epochs": 1, "limit": 200, "scores": "loss", "corruption": "symmetric_noise(rate=0.05)"}
    monkeypatch.setattr(demo, "GRID", {"base": short, "axes": {"seed": [1, 2]}})
    monkeypatch.setattr(demo, "AUDIT", {"model": "tiny(width=4)", "epochs": 1, "folds": 2})
    said = demo.demo(build(demo.DemoConfig, {})).splitlines()
    assert said[-1] == Path("demo/report.html").absolute().as_uri() and Path("demo/report.html").is_file()
    ticket = client.get_run(given).data.tags["memest.ticket_of"]
    assert client.get_run(ticket).data.tags["memest.stage"] == "analyze"
    assert Path("suspicious.png").stat().st_size > 1000


def test_a_terminated_run_says_so(tracked: dict[str, str], client: MlflowClient) -> None:
    """SIGTERM ends a run as KILLED instead of leaving it RUNNING for ever."""
    arguments = ["train", "--epochs", "100000", *(f"--{key}={value}" for key, value in tracked.items())]
    process = Forked(["entrypoints.train", *arguments[1:]], folder=PROJECT)
    deadline = time.monotonic() + 60
    runs: list[Any] = []
    while not any("train/loss" in run.data.metrics for run in runs):
        assert time.monotonic() < deadline
        time.sleep(0.3)
        found = client.get_experiment_by_name(tracked["experiment"])
        runs = list(client.search_runs([found.experiment_id])) if found else []
    process.terminate()
    assert process.wait(30) == 130
    (run,) = client.search_runs([found.experiment_id])
    assert run.info.status == "KILLED"


def test_local_runs_need_no_server() -> None:
    """Offline everything lies in one folder: settings, metrics, sheet, checkpoint."""
    run = train.train(training()).run
    lines = map(json.loads, (Path(run.id) / "entries.jsonl").read_text().splitlines())
    said = [line["step"] for line in lines if line["kind"] == "metrics"]
    assert said[:3] == [0, 1, 2]
    assert said[3:] == [2, 2]  # what scoring cost, how well the summaries detect
    assert run.blobs.names("checkpoint") == ["checkpoint/epoch-000002.pt"]


def test_unfinished_checkpoints_choice_is_refused_early() -> None:
    """`every` without its k is refused before anything is loaded."""
    with pytest.raises(InputError, match="needs k="):
        training(checkpoints="every")
