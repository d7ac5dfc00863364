"""The key of a run: the digest that two runs share exactly when they must give the same numbers.

The versions of memest and of its scores belong to it: a run of other versions is not taken for done.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from memest.data import ImageSet, Split
from memest.grammar.config import digest
from memest.grammar.spec import Spec
from memest.models.base import LARGE
from memest.runs.other_labels import Others
from memest.version import versions


def run_key(
    settings: dict[str, Any],
    split: Split,
    images: ImageSet,
    device: torch.device,
    others: Others,
    processes: int = 1,
) -> str:
    """The key of a training run, in hex.

    Args:
        settings: all that decide the numbers.
        split: the clean dataset; of its test set, if there is one, only the fingerprint counts.
        images: with the labels that are trained on.
        device: only its type counts.
        others: further labels that are measured against.
        processes: how many train together.

    Images for which networks have another stem have keys that say so.
    """
    further = fingerprints(images, others) + ([{"processes": str(processes)}] if processes > 1 else [])
    if images.images.shape[1] >= LARGE:
        further.append({"stem": "large"})
    test = split.test.fingerprint if split.test is not None else ""
    return digest(versions(), settings, images.fingerprint, test, device.type, *further)


def fingerprints(images: ImageSet, others: Others) -> list[dict[str, str]]:
    """Fingerprints of the images with each of the further labels, by name; [] where there are none."""
    return [{n: replace(images, labels=labels).fingerprint for n, labels in others.items()}] if others else []


def source_tag(clean: ImageSet, corruption: str) -> str:
    """The images and what their labels come from, in 16 digits: equal for runs that may be averaged.

    Args:
        clean: before the corruption.
        corruption: its spec; the content of every file that it names counts.
    """
    values = Spec.parse(corruption).settings.values()
    files = [
        path.read_bytes() for value in values if isinstance(value, str) and (path := Path(value)).is_file()
    ]
    return digest(clean.fingerprint, *(hashlib.sha256(content).hexdigest() for content in files))[:16]
