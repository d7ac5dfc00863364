"""What tests of delivery share: a short run on real servers, and what must have arrived of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from memest.grammar.config import build
from memest.runs.config import TrainConfig
from memest.scores import Scorer
from memest.stages import train
from memest.store import SheetReader
from memest.store.artifacts import ArtifactBlobs
from memest.tracking import home

if TYPE_CHECKING:
    from conftest import Platform


EPOCHS = 5


def entries(folder: Path) -> list[dict[str, Any]]:
    """The lines of a journal."""
    return [json.loads(line) for line in (folder / "entries.jsonl").read_text().splitlines()]


def settings(experiment: str, **more: Any) -> dict[str, Any]:
    """Settings of a short run in an experiment."""
    short = {"corruption": "symmetric_noise(rate=0.05)", "epochs": EPOCHS, "limit": 300}
    return short | {"experiment": experiment} | more


def run(platform: Platform, experiment: str, **more: Any) -> Any:
    """Train through the server's link."""
    return train.train(build(TrainConfig, settings(experiment, tracking=platform.server.url, **more)))


def the_run(platform: Platform, experiment: str) -> Any:
    """The only run of an experiment."""
    found = platform.client.get_experiment_by_name(experiment)
    (only,) = platform.client.search_runs([found.experiment_id])
    return only


def assert_whole(platform: Platform, experiment: str) -> str:
    """The run is sealed, its sheet reads from the store itself, every epoch has one point; its id."""
    client, found = platform.client, the_run(platform, experiment)
    run_id = found.info.run_id
    assert (found.info.status, found.data.tags["memest.state"]) == ("FINISHED", "sealed")
    for name, first in (("weight_norm", 0), ("train/loss", 1), ("scoring_seconds", 0)):
        points = client.get_metric_history(run_id, name)
        assert sorted(point.step for point in points) == list(range(first, EPOCHS + 1))
    sheet = SheetReader.open(ArtifactBlobs(client, run_id))
    assert sheet.trace("loss")[0].tolist() == list(range(EPOCHS + 1))
    assert len(sheet.summary()["csl"]) == 300
    assert not list(home().rglob("entries.jsonl"))
    return run_id


def at(monkeypatch: pytest.MonkeyPatch, actions: dict[int, Callable[[], object]]) -> None:
    """Do something when an epoch is about to be measured."""
    measure, epoch = Scorer.measure, iter(range(1000))

    def acting(*arguments: Any) -> Any:
        actions.get(next(epoch), lambda: None)()
        return measure(*arguments)

    monkeypatch.setattr(Scorer, "measure", acting)
