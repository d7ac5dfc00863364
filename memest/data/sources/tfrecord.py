"""TFRecord shards, as of ImageNet: indexed once by TensorFlow in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Literal

import numpy as np

from memest.arrays import read_arrays
from memest.data.decoded import Color, Fit
from memest.data.decoded.index import Found, indexed
from memest.data.images import Integers, Split
from memest.data.sources.base import SETS
from memest.data.sources.encoded import Holdout, Listing, OnError, Options, Size, encoded_split
from memest.data.sources.shards import shards_at
from memest.data.sources.spelling import is_tfrecord
from memest.data.sources.tables import as_labels
from memest.errors import DataError

Ordered = Literal["shards", "names"]


@SETS.register
def tfrecord(
    *,
    path: str,
    image: str = "image/encoded",
    label: str = "image/class/label",
    file: str = "image/filename",
    ids: Ordered = "shards",
    size: Size | None = None,
    fit: Fit = "crop",
    color: Color = "auto",
    on_error: OnError = "stop",
    holdout: Holdout = 0.0,
) -> Split:
    """Images in TFRecord shards of tf.train.Example, in the order of shards and records.

    TensorFlow reads them once, in a process of its own: that of the Python that `MEMEST_TENSORFLOW` names,
    else of this one.

    Args:
        path: a shard, or a folder of them; those with `train`, `test` or `validation` in their names are told
            apart.
        image: the feature of the encoded image.
        label: the feature of the label, a number or text.
        file: the feature of the file name; where it is missing, names are shard and record.
        ids: positions in the `shards`, or among the sorted file `names`, as in a folder of the same files.
        size: see `Options`, as for `fit`, `color`, `on_error` and `holdout`.

    Raises:
        DataError: no TensorFlow, no shard, one that is damaged, a feature that is not there, or images that
            cannot be read.
    """
    options = Options(size, fit, color, on_error, holdout)
    root, train, test = shards_at(path, is_tfrecord, "TFRecord shards")
    features = {"image": image, "label": label, "file": file}
    held = _listing(root, test, features, ids) if test else None
    return encoded_split(_listing(root, train, features, ids), held, options, "tfrecord")


def _listing(root: Path, shards: list[str], features: dict[str, str], ids: Ordered) -> Listing:
    settings = {"kind": "tfrecord", **features}
    records, labels = indexed(root, shards, settings, lambda: _found(root, shards, features))
    names = records.names.tolist()
    if len(set(names)) < len(names):
        raise DataError(
            f"{features['file']} in {root} names some file twice; use another feature with file=…"
        )
    found = as_labels(labels, names, f"{features['label']} in {root}")
    if ids == "names":
        return Listing(root, records, found, _ranks(names), numbering=features["file"])
    return Listing(root, records, found)


def _ranks(names: list[str]) -> Integers:
    """The place of each name among the sorted ones, (N,)."""
    ranks = np.empty(len(names), np.int64)
    ranks[sorted(range(len(names)), key=names.__getitem__)] = np.arange(len(names))
    return ranks


def _found(root: Path, shards: list[str], features: dict[str, str]) -> Found:
    """What the child process finds in the shards."""
    with tempfile.TemporaryDirectory() as folder:
        out, outcome = Path(folder) / "index.npz", Path(folder) / "outcome.json"
        request = {"root": str(root), "shards": shards, "out": str(out), "outcome": str(outcome)}
        child = _run(json.dumps(request | features))
        if not outcome.is_file():
            raise DataError(_why(child))
        if error := json.loads(outcome.read_text())["error"]:
            raise DataError(error)
        arrays = read_arrays(out, "expected an index of TFRecord shards")
    text = {
        name: [value.decode("utf-8", "replace") for value in values.tolist()]
        for name, values in arrays.items()
        if values.dtype.kind == "S"
    }
    return dict(arrays) | text


def _python() -> str:
    return os.environ.get("MEMEST_TENSORFLOW") or sys.executable


def _run(request: str) -> subprocess.CompletedProcess[str]:
    script = Path(__file__).with_name("tfrecord_index.py")
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | quiet
    try:
        return subprocess.run(
            [_python(), str(script)],
            input=request,
            capture_output=True,
            text=True,
            env=environment,
            check=False,
        )
    except OSError as error:
        raise DataError(f"MEMEST_TENSORFLOW={_python()} cannot be run ({error.strerror})") from error


def _why(child: subprocess.CompletedProcess[str]) -> str:
    """Why the child process ended without an outcome."""
    last: Any = next(reversed(child.stderr.strip().splitlines()), "")
    if "No module named" in last:
        return (
            f"TFRecords are read with TensorFlow, which {_python()} lacks ({last}): pip install "
            "tensorflow-cpu, there or in an environment of its own whose Python MEMEST_TENSORFLOW names"
        )
    return f"TensorFlow could not index the shards: its process ended with code {child.returncode} ({last})"
