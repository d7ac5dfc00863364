"""Folds trained without runs around them, and image files with confusable errors: for benchmarks of audits.

Axes: N examples, K classes, E epochs.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from memest.auditing.evidence import Evidence
from memest.data import ImageSet, load_images
from memest.grammar.config import build
from memest.runs.audit_folds import RECIPE
from memest.runs.config import TrainConfig
from memest.runs.epochs import measured_epochs
from memest.runs.prepare import Prepared, prepare


@dataclass(frozen=True, eq=False)
class Trained:
    """Folds that were trained.

    Attributes:
        prepared: what was trained.
        evidence: of its examples.
        seconds: processor seconds that training took.
    """

    prepared: Prepared
    evidence: Evidence
    seconds: float


def trained(**settings: Any) -> Trained:
    """Train all folds with the recipe of an audit; the test set is left alone."""
    prepared = prepare(
        build(TrainConfig, {**RECIPE, "tracking": "offline", "checkpoints": "none", **settings})
    )
    prepared = replace(prepared, split=replace(prepared.split, test=None))
    images = prepared.images
    sums = {key: np.zeros((prepared.epochs, len(images))) for key in ("seen/loss", "seen/margin")}
    probabilities = np.zeros((len(images), len(images.classes)))
    seconds = 0.0
    for number in range(len(prepared.parts)):
        part = prepared.with_part(number)
        with part.computing():
            loaded, network = part.load(), part.network()
            began = time.process_time()
            for end in measured_epochs(part, loaded, network):
                for key in sums if end.epoch else ():
                    sums[key][end.epoch - 1, part.part.observed] += end.scores[key]
            seconds += time.process_time() - began
            probabilities[part.part.left_out] = loaded.asked.probabilities(network)
    networks = len(prepared.parts) - 1
    losses, margins = (np.asarray(total / networks, np.float32) for total in sums.values())
    epochs = np.arange(1, prepared.epochs + 1)
    evidence = Evidence(images.ids, images.labels, probabilities, True, epochs, losses, margins, networks)
    return Trained(prepared, evidence, seconds)


def confusions(data: str, limit: int, rate: float, **settings: Any) -> NDArray[np.float64]:
    """How probable each label is for an image of each class, (K, K), where a share `rate` is confused.

    By the probabilities out of sample of networks that were trained on the right labels.
    """
    evidence = trained(data=data, limit=limit, protocol="cross_fit(folds=3)", **settings).evidence
    classes = evidence.probabilities.shape[1]
    counts_KK = np.zeros((classes, classes))
    np.add.at(counts_KK, evidence.labels, evidence.probabilities)
    np.fill_diagonal(counts_KK, 0)
    counts_KK *= rate / counts_KK.sum(1, keepdims=True)
    np.fill_diagonal(counts_KK, 1 - rate)
    return counts_KK


def write_files(data: str, count: int, rate: float, into: Path, epochs: int = 3, part: str = "") -> None:
    """`count` images of a data set as PNG files in a folder for each class, some in a wrong one.

    They lie in `into`/files, or its folder `part`. `into`/truth.json has the right class of each that lies in
    a wrong folder, by file name; it is written last.
    """
    images: ImageSet = load_images(data, count).train
    rng = np.random.default_rng(0)
    matrix_KK = confusions(data, count, rate, model="tiny", epochs=epochs)
    labels = np.array([rng.choice(len(row), p=row) for row in matrix_KK[images.labels]])
    files = write_images(replace(images, labels=labels), into / "files" / part)
    right = images.labels.tolist()
    wrong = {
        file: _folder(images, right[place])
        for place, file in enumerate(files)
        if labels[place] != right[place]
    }
    (into / "truth.json").write_text(json.dumps(wrong, indent=1) + "\n")


def write_images(images: ImageSet, into: Path) -> list[str]:
    """Images as PNG files in a folder for each class; the paths below `into`, in the order of the images."""
    files = []
    for place, label in enumerate(images.labels.tolist()):
        file = Path(_folder(images, label)) / f"{images.ids[place]:06d}.png"
        (into / file).parent.mkdir(parents=True, exist_ok=True)
        pixels = np.asarray(images.images[place])
        Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).save(into / file)
        files.append(file.as_posix())
    return files


def _folder(images: ImageSet, label: int) -> str:
    return images.classes[label].replace("/", "-")
