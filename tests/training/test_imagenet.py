"""Training as on ImageNet: resized crops that resume to the bit, and the experiment on made TFRecords."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from memest.data import load_images
from memest.grammar.config import build
from memest.runs.config import TrainConfig
from memest.scores import Scorer
from memest.stages import experiment
from memest.stages.train import train

HERE = Path(__file__).parent
PYTHON = os.environ.get("MEMEST_TENSORFLOW", sys.executable)
HAS_TENSORFLOW = (
    "MEMEST_TENSORFLOW" in os.environ or importlib.util.find_spec("tensorflow") or "CI" in os.environ
)


@pytest.fixture(autouse=True)
def photos() -> None:
    """40 of scikit-learn's digits as PNG files of 16 pixels in two class folders."""
    digits = load_images("digits").train
    for n in np.flatnonzero(digits.labels < 2)[:40]:
        path = Path("photos") / f"{digits.labels[n]}" / f"{n:04d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(digits.images[n, ..., 0]).resize((16, 16)).save(path)


class _DiedError(Exception):
    pass


def test_a_run_of_resized_crops_goes_on_to_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that died after its second epoch ends as one that nothing disturbed."""
    monkeypatch.setenv("MEMEST_RESUME_EVERY_EPOCH", "1")
    settings: dict[str, Any] = {
        "data": "photos",
        "epochs": 4,
        "batch_size": 16,
        "scores": "loss",
        "tracking": "off",
        "augmentation": "random_resized_crop(least=0.3)",
    }
    measure, calls = Scorer.measure, [0]

    def dying(*arguments: Any) -> Any:
        calls[0] += 1
        if calls[0] == 4:
            raise _DiedError
        return measure(*arguments)

    with monkeypatch.context() as once:
        once.setattr(Scorer, "measure", dying)
        with pytest.raises(_DiedError):
            train(build(TrainConfig, settings))
    resumed = train(build(TrainConfig, settings)).run.blobs
    monkeypatch.setenv("MEMEST_HOME", "undisturbed")
    whole = train(build(TrainConfig, settings)).run.blobs
    names = whole.names("sheet") + whole.names("checkpoint")
    assert {name: resumed.get(name) for name in names} == {name: whole.get(name) for name in names}
    assert calls[0] == 4


@pytest.mark.slow
@pytest.mark.mlflow
@pytest.mark.skipif(not HAS_TENSORFLOW, reason="needs TensorFlow, here or in MEMEST_TENSORFLOW")
def test_imagenets_recipe_runs_on_made_tfrecords(store_uri: str) -> None:
    """From a folder to shards by the example, from those to a report by the smallest scale."""
    example = HERE.parents[1] / "examples" / "tfrecords.py"
    subprocess.run([PYTHON, example, "photos", "shards", "3"], check=True, capture_output=True)
    given = {
        "name": "imagenet",
        "set": "data=tfrecord(path=shards), epochs=1",
        "jobs": 1,
        "tracking": store_uri,
    }
    said = experiment.experiment(build(experiment.ExperimentConfig, given))
    assert said.good, said.text
    assert "report, tables and figures are in run" in said.text
    records = load_images("tfrecord(shards, ids=names)").train
    files = load_images("folder(photos)").train
    assert records.names is not None and files.names is not None
    assert records.names.tolist() == files.names.tolist()
    assert records.ids.tolist() == files.ids.tolist()
    np.testing.assert_array_equal(np.asarray(records.images), np.asarray(files.images))
