"""Searches: real digits, real networks, a real MLflow store, a real database of the study."""

from __future__ import annotations

import itertools
import json
import os
import signal
import time
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from forked import Forked
from matplotlib import rcParams
from mlflow import MlflowClient
from searching import SHORT, runs, search, study

from memest import cli
from memest.data import load_images
from memest.detect import evaluation_of
from memest.errors import DataError
from memest.grammar.config import build
from memest.runs.config import TrainConfig
from memest.scores import Scorer
from memest.stages import train, tune
from memest.store import SheetReader
from memest.store.artifacts import ArtifactBlobs, run_blobs

pytestmark = pytest.mark.mlflow


PROJECT = Path(__file__).parents[2]


@pytest.fixture
def tracked(tracked: dict[str, Any]) -> dict[str, Any]:
    """Settings of short runs in a fresh experiment of the shared store."""
    return SHORT | tracked


def test_trials_are_runs_under_one_parent(tracked: dict[str, Any], client: MlflowClient) -> None:
    """Each trial is a sealed training run with what was drawn; the parent holds table, figures and report."""
    before = dict(rcParams)
    text = search(tracked)
    assert dict(rcParams) == before  # the style of our own figures is not Optuna's
    (parent,) = runs(client, tracked, "tune")
    assert (parent.info.status, parent.data.tags["memest.state"]) == ("FINISHED", "sealed")
    assert parent.data.params["cfg.space"] == "lr=log(low=0.003, high=0.3)"
    trials = study().trials
    for trial, run in zip(trials, runs(client, tracked), strict=True):
        assert run.data.tags["mlflow.parentRunId"] == parent.info.run_id
        assert run.data.tags["memest.state"] == "sealed"
        assert run.data.params["cfg.lr"] == str(trial.params["lr"])
        assert trial.value == run.data.metrics["test/accuracy"]
    blobs = ArtifactBlobs(client, parent.info.run_id)
    pictures = {"figures/epochs.png", "figures/history.png", "figures/importances.png"}
    assert set(blobs.names("figures")) == pictures
    table = json.loads(blobs.get("tables/trials.json"))
    assert [row[table["columns"].index("accuracy")] for row in table["data"]] == [t.value for t in trials]
    best = max(trials, key=lambda trial: trial.value or 0)
    assert best.user_attrs["run"] in text
    assert parent.data.metrics["best/accuracy"] == best.value


def test_the_same_command_goes_on_to_the_trials_in_all(tracked: dict[str, Any], client: MlflowClient) -> None:
    """Again: nothing is run, the same is said. More trials: only the further ones are run."""
    first = search(tracked)
    assert search(tracked) == first
    assert len(runs(client, tracked)) == 3
    search(tracked, trials=4)
    assert len(runs(client, tracked)) == 4
    assert len(study().trials) == 4


def test_an_interrupted_search_draws_what_an_undisturbed_one_draws(
    tracked: dict[str, Any], client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The trial that was stopped goes on in its run, and every later one is what it would have been."""
    settings = {"sampler": "tpe(n_startup_trials=2)", "trials": 4}
    calls, real = itertools.count(), Scorer.measure

    def stopped(*arguments: Any) -> Any:
        if next(calls) == 4:
            raise KeyboardInterrupt
        return real(*arguments)

    with monkeypatch.context() as once:
        once.setattr(Scorer, "measure", stopped)
        with pytest.raises(KeyboardInterrupt):
            search(tracked, **settings)
    assert [run.info.status for run in runs(client, tracked)] == ["FINISHED", "KILLED"]
    (parent,) = runs(client, tracked, "tune")
    assert (parent.info.status, parent.data.tags["memest.state"]) == ("KILLED", "killed")
    search(tracked, **settings)
    (parent,) = runs(client, tracked, "tune")
    assert (parent.info.status, parent.data.tags["memest.error"]) == ("FINISHED", "")
    disturbed = [run.data.params["cfg.lr"] for run in runs(client, tracked)]
    assert {run.data.tags["memest.state"] for run in runs(client, tracked)} == {"sealed"}
    apart = tracked | {"experiment": f"{tracked['experiment']}-apart"}
    search(apart, study="apart", **settings)
    assert [run.data.params["cfg.lr"] for run in runs(client, apart)] == disturbed
    assert len(disturbed) == 4


def test_a_search_whose_parent_was_deleted_gets_another(
    tracked: dict[str, Any], client: MlflowClient
) -> None:
    """The trials that are done count; nothing has to be removed by hand."""
    search(tracked)
    (first,) = runs(client, tracked, "tune")
    client.delete_run(first.info.run_id)
    search(tracked, trials=4)
    (second,) = runs(client, tracked, "tune")
    assert second.info.run_id != first.info.run_id
    assert second.data.tags["memest.state"] == "sealed"
    assert len(runs(client, tracked)) == 4


def test_pruned_runs_are_ended_and_not_counted_as_results(
    tracked: dict[str, Any], client: MlflowClient
) -> None:
    """A pruned run is KILLED with the reason and keeps no resume point; asked for again it is finished."""
    tracked["epochs"] = 3
    search(tracked, pruner="median(n_startup_trials=1)", space="lr=log(0.0001, 0.3)", trials=6)
    states = Counter(trial.state.name for trial in study().trials)
    assert states["PRUNED"] >= 1
    assert sum(states.values()) == 6
    pruned = [run for run in runs(client, tracked) if run.data.tags["memest.state"] == "pruned"]
    assert len(pruned) == states["PRUNED"]
    assert {run.info.status for run in pruned} == {"KILLED"}
    assert "pruned after epoch" in pruned[0].data.tags["memest.error"]
    assert not list(Path(".memest/runs").rglob("resume.pt"))
    lr = float(pruned[0].data.params["cfg.lr"])
    opened = train.train(build(TrainConfig, tracked | {"lr": lr}))
    assert opened.run.id == pruned[0].info.run_id
    assert client.get_run(opened.run.id).data.tags["memest.state"] == "sealed"


def test_equal_trials_are_run_once(tracked: dict[str, Any], client: MlflowClient) -> None:
    """Two values, five trials: two runs; a run that was there before the search is found, and stays."""
    before = train.train(build(TrainConfig, tracked | {"lr": 0.1})).run.id
    search(tracked, space="lr=one_of(0.1, 0.05)", trials=5)
    assert len(runs(client, tracked)) == 2
    values = {(trial.params["lr"], trial.value) for trial in study().trials}
    assert len(values) == 2
    assert "mlflow.parentRunId" not in client.get_run(before).data.tags


def test_two_objectives_give_a_front(tracked: dict[str, Any], client: MlflowClient) -> None:
    """Values are those of the runs, and the best are exactly the trials that no other beats."""
    settings = {
        "space": 'probes=int(1, 4), scores="loss, curvature(probes={probes})", lr=log(0.01, 0.3)',
        "objectives": "auroc/mean_curvature(probes={probes}), scoring_cost",
        "trials": 5,
        "sampler": "nsgaii(population_size=2)",
    }
    search(tracked, **settings)
    trials = study().trials
    for trial in trials:
        run = client.get_run(trial.user_attrs["run"])
        evaluation = evaluation_of(SheetReader.open(run_blobs(client, run.info.run_id, Path("cache"))))
        assert evaluation
        quality = evaluation.found[f"mean_curvature(probes={trial.params['probes']})"].auroc.value
        assert trial.values == [quality, run.data.metrics["cost_seconds/all_scoring"]]
    points = {trial.number: trial.values for trial in trials}
    front = {
        number
        for number, (quality, cost) in points.items()
        if not any(q >= quality and c <= cost and [q, c] != [quality, cost] for q, c in points.values())
    }
    (parent,) = runs(client, tracked, "tune")
    blobs = ArtifactBlobs(client, parent.info.run_id)
    table = json.loads(blobs.get("tables/best.json"))
    assert {row[0] for row in table["data"]} == front
    assert len(blobs.get("figures/pareto_front.png")) > 1000


def test_a_trial_may_be_a_protocol(tracked: dict[str, Any], client: MlflowClient) -> None:
    """What is aimed at is then in the run that joins the parts, which lies under the search."""
    settings = {"protocol": "k_fold(folds=2)", "objectives": "auroc/confident_learning", "scores": "correct"}
    search(tracked | settings, trials=1)
    (trial,) = study().trials
    joined = client.get_run(trial.user_attrs["run"])
    assert trial.value == joined.data.metrics["auroc/confident_learning"]
    (parent,) = runs(client, tracked, "tune")
    assert joined.data.tags["mlflow.parentRunId"] == parent.info.run_id


def test_a_trial_that_diverges_does_not_end_the_search(tracked: dict[str, Any], client: MlflowClient) -> None:
    """It is counted, and the table says why it failed."""
    text = search(tracked, space="lr=one_of(0.1, 1e30)", sampler="random", trials=4, search_seed=1)
    assert "fail" in text
    (parent,) = runs(client, tracked, "tune")
    table = json.loads(ArtifactBlobs(client, parent.info.run_id).get("tables/trials.json"))
    why = [row[table["columns"].index("why")] for row in table["data"]]
    assert any("not finite at epoch 1" in reason for reason in why)
    assert len(why) == 4


def test_a_search_without_a_result_has_failed(
    tracked: dict[str, Any], client: MlflowClient, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 1 with the reason, also when all trials were made before; nothing is sealed."""
    given = tracked | {"lr": 1e30, "space": "batch_size=one_of(16, 32)", "trials": 2, "study": "s"}
    flags = [part for name, value in given.items() for part in (f"--{name}", str(value))]
    for _ in range(2):
        assert cli.main(["tune", *flags]) == 1
        error = capsys.readouterr().err
        assert "none of the 2 trials of study 's' was completed" in error
        assert "not finite at epoch 1" in error
        (parent,) = runs(client, tracked, "tune")
        assert (parent.info.status, parent.data.tags["memest.state"]) == ("FAILED", "failed")
    assert len(study().trials) == 2


def test_a_file_that_is_gone_is_no_trial(
    tracked: dict[str, Any], client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends the search; the same command goes on with that trial once the file is back."""
    make = partial(np.savez, images=np.zeros((60, 8, 8), np.uint8), labels=np.arange(60) % 3)
    make("mine.npz")
    settings = {"data": "npz(path=mine.npz, holdout=0.1)", "limit": 0, "epochs": 1, "trials": 2}
    with monkeypatch.context() as once:
        once.setattr(tune, "train", lambda *_: load_images("npz(path=gone.npz)", 0))
        with pytest.raises(DataError, match=r"gone\.npz"):
            search(tracked, **settings)
    assert not outcome_counts(study())
    search(tracked, **settings)
    assert outcome_counts(study()) == {"COMPLETE": 2}


def outcome_counts(found: optuna.Study) -> Counter[str]:
    """How many trials ended in which state, those apart that were interrupted and are tried again."""
    ended = [t for t in found.trials if t.state.name != "FAIL" or "reason" in t.user_attrs]
    return Counter(trial.state.name for trial in ended if trial.state.name != "WAITING")


def test_a_given_run_is_the_parent(
    tracked: dict[str, Any], client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`mlflow run . -e tune` makes a run first: it becomes the parent, its trials lie beside it."""
    experiment = client.create_experiment(f"{tracked['experiment']}-given")
    given = client.create_run(experiment).info.run_id
    monkeypatch.setenv("MLFLOW_RUN_ID", given)
    search(tracked, trials=2)
    found = client.search_runs([experiment])
    assert client.get_run(given).data.tags["memest.state"] == "sealed"
    assert [r.data.tags["mlflow.parentRunId"] for r in found if r.info.run_id != given] == [given] * 2


@pytest.mark.slow
def test_workers_share_a_study_and_one_may_die(tracked: dict[str, Any], client: MlflowClient) -> None:
    """Two processes, one killed with -9 in a trial; the same command again: exactly the trials asked for."""
    settings = tracked | {"space": "lr=log(0.003, 0.3)", "trials": 6, "study": "s", "epochs": 10}
    flags = [part for name, value in settings.items() for part in (f"--{name}", str(value))]
    environment = os.environ | {"MEMEST_HOME": str(Path(".memest").absolute())}
    workers = [Forked(["entrypoints.tune", *flags], environment, PROJECT) for _ in range(2)]
    deadline = time.monotonic() + 120
    while not any(f"{workers[0].pid}" in name for name in busy(client, tracked)):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    workers[0].kill()
    assert workers[0].wait() == -signal.SIGKILL, workers[0].said
    assert workers[1].wait(240) == 0, workers[1].said
    search(tracked, trials=6, epochs=10)
    states = Counter(trial.state.name for trial in study().trials)
    assert states == {"COMPLETE": 6, "FAIL": 1}
    assert [run.data.tags["memest.state"] for run in runs(client, tracked)] == ["sealed"] * 6
    assert len({run.data.params["cfg.lr"] for run in runs(client, tracked)}) == 6


def busy(client: MlflowClient, tracked: dict[str, Any]) -> list[str]:
    """Who is at a trial right now, and has begun its run."""
    if client.get_experiment_by_name(tracked["experiment"]) is None:  # looking at a study would make tables
        return []
    running = [trial for trial in study().trials if trial.state == optuna.trial.TrialState.RUNNING]
    return [trial.user_attrs.get("worker", "") for trial in running if "run" in trial.user_attrs]
