"""Training on own images: every one is scored, has its name, and what is not there is not invented."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from memest.data import load_images
from memest.grammar.config import build
from memest.runs.config import TrainConfig
from memest.stages.train import train
from memest.store import SheetReader
from memest.tracking import Opened

SETTINGS = {"tracking": "off", "epochs": 2, "model": "tiny", "scores": "loss, correct", "batch_size": 32}


@pytest.fixture(autouse=True)
def photos() -> None:
    """60 of scikit-learn's digits as PNG files in three class folders."""
    digits = load_images("digits").train
    for n in np.flatnonzero(digits.labels < 3)[:60]:
        path = Path("photos") / f"{digits.labels[n]}" / f"{n:04d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(digits.images[n, ..., 0]).save(path)


def trained(**more: object) -> Opened:
    """A finished local run."""
    return train(build(TrainConfig, SETTINGS | {"data": "photos"} | more))


def sheet_of(opened: Opened) -> SheetReader:
    """Its sheet."""
    return SheetReader.open(opened.run.blobs)


@pytest.mark.parametrize("protocol", ["standard", "k_fold(folds=3)"])
def test_every_image_has_a_row_with_its_name(protocol: str) -> None:
    """Ids are places among the sorted paths, names the paths, in the joined sheet of folds as well."""
    summary = sheet_of(trained(protocol=protocol)).summary()
    files = sorted(path.relative_to("photos").as_posix() for path in Path("photos").rglob("*.png"))
    assert summary["id"].tolist() == list(range(60))
    assert summary["name"].tolist() == files
    assert np.isfinite(summary["csl"]).all()


def test_what_was_left_out_is_in_the_run() -> None:
    """Name and reason of each image that could not be read."""
    Path("photos/1/broken.png").write_bytes(b"nothing")
    opened = trained(data="folder(path=photos, on_error=skip)")
    assert len(sheet_of(opened).summary()["id"]) == 60
    table = next(name for name in opened.run.blobs.names("tables") if "left_out" in name)
    kept = json.loads(opened.run.blobs.get(table))
    assert kept["data"] == [["1/broken.png", "not an image that Pillow reads"]]


def test_the_same_pixels_in_memory_give_the_same_values() -> None:
    """What is read from the mapped array is what an .npz of the same pixels gives, to rounding."""
    images = load_images("photos").train
    np.savez("mine.npz", images=np.asarray(images.images), labels=images.labels, classes=list("012"))
    mapped, in_memory = (sheet_of(trained(data=data)).summary()["csl"] for data in ("photos", "mine.npz"))
    np.testing.assert_allclose(mapped, in_memory, rtol=1e-4)
