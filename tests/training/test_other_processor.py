"""A run that dies on one processor and is taken up on another, which computes other bits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from memest.grammar.config import build
from memest.runs.config import TrainConfig
from memest.scores import Scorer
from memest.stages.train import train
from memest.store import SheetReader
from memest.tracking import ResumePoint

pytestmark = pytest.mark.mlflow
EPOCHS = 4


class _DiedError(Exception):
    pass


def _train(uri: str, experiment: str) -> Any:
    settings = {"limit": 120, "epochs": EPOCHS, "checkpoints": "every(k=2)", "tracking": uri}
    return train(build(TrainConfig, {**settings, "experiment": experiment}))


def _checkpoints(opened: Any) -> dict[str, bytes]:
    return {name: opened.run.blobs.get(name) for name in opened.run.blobs.names("checkpoint")}


@pytest.mark.parametrize("epoch", [1, 3, 4])
def test_a_run_goes_on_where_other_bits_are_computed(
    epoch: int, store_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was kept or written is not computed again, so that nothing of it is refused."""
    real, calls = Scorer.measure, [0]

    def dying(*arguments: Any) -> Any:
        calls[0] += 1
        if calls[0] == epoch + 1:
            raise _DiedError
        return real(*arguments)

    with monkeypatch.context() as once:
        once.setattr(Scorer, "measure", dying)
        once.setattr("memest.tracking.resume._SHARE", 1e-9)  # after the first point, only those that must be
        with pytest.raises(_DiedError):
            _train(store_uri, tmp_path.name)
    with torch.backends.mkldnn.flags(enabled=False):  # other kernels, as another processor has
        moved = _train(store_uri, tmp_path.name)
        elsewhere = _train(store_uri, f"{tmp_path.name}-elsewhere")
    stayed = _train(store_uri, f"{tmp_path.name}-stayed")
    last = f"checkpoint/epoch-{EPOCHS:06d}.pt"
    assert _checkpoints(elsewhere)[last] != _checkpoints(stayed)[last], "the kernels give the same bits"
    kept = [name for name in _checkpoints(stayed) if int(name[-9:-3]) < epoch]
    assert all(_checkpoints(moved)[name] == _checkpoints(stayed)[name] for name in kept)
    assert SheetReader.open(moved.run.blobs).measured["loss"] == list(range(EPOCHS + 1))


def test_a_save_that_took_long_once_does_not_put_off_the_next_for_an_hour(tmp_path: Path) -> None:
    """The disk was busy for a minute: the next point is saved ten minutes later all the same."""
    now, took = [0.0], [60.0]
    point = ResumePoint(tmp_path, lambda: None, clock=lambda: now[0])

    def make() -> bytes:
        now[0] += took[0]
        return f"{now[0]}".encode()

    point.save(make)
    took[0] = 0.1
    now[0] += 599
    point.save(make)
    assert point.load() == b"60.0"
    now[0] += 1
    point.save(make)
    assert point.load() != b"60.0"
