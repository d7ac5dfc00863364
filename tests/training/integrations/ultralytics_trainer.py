"""A recorded Ultralytics classification: what it records is what Ultralytics reports."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

os.environ.setdefault("YOLO_CONFIG_DIR", str(Path.cwd() / "ultralytics"))
pytest.importorskip("ultralytics")

from ultralytics import YOLO

from memest.errors import SettingError
from memest.integrations.ultralytics import Recorded

COUNT = 24


def photos(folder: Path) -> None:
    """Twenty-four small pictures of noise in three folders, and as many to validate on."""
    rng = np.random.default_rng(0)
    for n in range(2 * COUNT):
        path = folder / ("train" if n < COUNT else "val") / "abc"[n % 3] / f"{n:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(path)


def test_losses_are_those_that_ultralytics_reports(tmp_path: Path) -> None:
    """Their mean is its loss of each epoch; ids, names and labels are those of the files.

    What it saves is read by Ultralytics alone, without a hook of ours.
    """
    photos(tmp_path / "photos")
    model = YOLO("yolo11n-cls.yaml")
    model.train(
        data=str(tmp_path / "photos"), trainer=Recorded, imgsz=32, epochs=2, batch=8, workers=0, device="cpu",
        plots=False, verbose=False, project=str(tmp_path / "runs"),
    )  # fmt: skip
    recorder, saved = model.trainer.recorder, model.trainer.best
    _, losses = recorder.recording.reader().trace("seen/loss")
    reported = np.genfromtxt(model.trainer.csv, delimiter=",", names=True)["trainloss"]
    np.testing.assert_allclose(losses.mean(1), reported, atol=1e-4)
    table = recorder.suspicious(COUNT)
    assert all(
        name.startswith(f"{label}/") for name, label in zip(table["name"], table["label"], strict=True)
    )
    assert len(set(table["name"])) == COUNT
    assert not any(module._forward_hooks for module in YOLO(saved).model.modules())


def test_several_devices_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is trained: their processes have other trainers, and nothing would be recorded."""

    def on_two(trainer: Any, *arguments: Any, **settings: Any) -> None:
        trainer.world_size = 2  # what Ultralytics makes of device="0,1", where there are two

    monkeypatch.setattr("ultralytics.models.yolo.classify.ClassificationTrainer.__init__", on_two)
    with pytest.raises(SettingError, match="trains on 2 devices"):
        Recorded()
