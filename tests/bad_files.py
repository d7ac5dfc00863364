"""Command lines that cannot be done for what lies in files, or for where files lie."""

from __future__ import annotations

import shlex

import numpy as np
from bad_input import Bad, npz


def grid(text: str, says: str, more: str = "") -> Bad:
    """A sweep whose grid file is `text`."""
    return Bad(f"sweep grid.yaml {more}", says, {"grid.yaml": text.encode()})


IMAGES, LABELS = np.zeros((40, 8, 8), np.uint8), np.arange(40) % 4
MINE = "train --data npz(path=mine.npz) --limit 20 --epochs 1"


def own(says: str, **arrays: object) -> Bad:
    """A training on an npz file with these arrays beside, or in place of, images and labels."""
    content = {"images": IMAGES, "labels": LABELS} | arrays
    kept = {name: array for name, array in content.items() if array is not None}
    return Bad(
        f"{MINE.replace('npz(path=mine.npz)', shlex.quote('npz(path=mine.npz)'))}",
        says,
        {"mine.npz": npz(**kept)},
    )


DATA = [
    Bad("train --data 'npz(path=no.npz)'", "there is no file no.npz"),
    Bad("train --data 'npz(path=\"~nobody-here/x.npz\")'", "there is no user of that name"),
    Bad("train --data '~nobody-here/x.npz'", "there is no user of that name"),
    Bad(f"train --data {'x' * 5000}", "cannot be looked at"),
    Bad("train --data 'npz(path=mine.npz)'", "mine.npz", {"mine.npz": b""}),
    Bad("train --data 'npz(path=mine.npz)'", "mine.npz", {"mine.npz": b"<!DOCTYPE html><html></html>"}),
    Bad(
        "train --data 'npz(path=mine.npz)'",
        "mine.npz",
        {"mine.npz": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"},
    ),
    Bad(
        "train --data 'npz(path=mine.npz)'", "mine.npz", {"mine.npz": npz(images=IMAGES, labels=LABELS)[:900]}
    ),
    Bad("train --data 'npz(path=.)'", "is a folder"),
    own("labels", labels=None),
    own("images", images=None),
    own("images", images=IMAGES[:30]),
    own("images", images=np.zeros((40, 8, 8), np.int64)),
    own("images", images=np.full((40, 8, 8), np.nan)),
    own("images", images=np.zeros(40)),
    own("needs at least one example", images=IMAGES[:0], labels=LABELS[:0]),
    own("labels", labels=LABELS + 0.5),
    own("labels", labels=LABELS - 1),
    own("labels", labels=[f"class {k}" for k in LABELS]),
    own("labels", labels=np.eye(4)[LABELS]),
    own("has one class only", labels=np.zeros(40, np.int64)),
    own("ids", ids=np.zeros(40, np.int64)),
    own("ids", ids=np.arange(39)),
    own("classes", classes=["one", "two"]),
    Bad("train --data cifar10", "put cifar-10-python.tar.gz"),
    Bad("train --data mnist", "put train-images-idx3-ubyte"),
]
"""Files of data."""

GRIDS = [
    Bad("sweep", "a grid file is needed"),
    Bad("sweep no.yaml", "no.yaml"),
    Bad("sweep .", "."),
    grid("", "grid.yaml"),
    grid("- 1\n- 2\n", "grid.yaml"),
    grid("axes: {lr: [0.1]", "grid.yaml"),
    grid("axis: {lr: [0.1]}", "did you mean 'axes'"),
    grid("axes: {lrate: [0.1]}", "lrate"),
    grid("axes: {lr: 0.1}", "lr"),
    grid("axes: {lr: [0]}", "--lr must be a number above 0, not 0"),
    grid("axes: {epochs: [0]}", "--epochs must be"),
    grid("base: {data: digitz}\naxes: {seed: [1]}", "digitz"),
    grid("axes: {seed: [1]}", "--tracking off", "--tracking off"),
    grid("axes: {seed: [1]}", "--address", "--address host:6379"),
    Bad("sweep grid.yaml", "grid.yaml", {"grid.yaml": b"\xff\xfe\x00"}),
    Bad("experiment", "an experiment is needed"),
    Bad("experiment mislabelled", "did you mean 'mislabeled'"),
    Bad("experiment no.yaml", "no.yaml"),
    Bad("experiment mislabeled --set epochz=3", "did you mean 'epochs'"),
    Bad("experiment mislabeled --set epochs", "epochs"),
    Bad("experiment mislabeled --set seed=1 --set seed=2", "seed"),
    Bad("tune --space no.yaml", "no.yaml"),
    Bad("tune --space space.yaml", "space.yaml", {"space.yaml": b"["}),
]
"""Files of settings."""

PLACES = [
    Bad("analyze", "there are no runs yet"),
    Bad("score --run abc", "there are no runs yet"),
    Bad("score", "--run is needed"),
    Bad("score --run abc --tracking off", "only train works without MLflow"),
    Bad("analyze --tracking off", "only train works without MLflow"),
    Bad("train --tracking http://127.0.0.1:9", "no MLflow server answers"),
    Bad("train", "no MLflow server answers", variables={"MLFLOW_TRACKING_URI": "http://127.0.0.1:9"}),
    Bad("train --tracking http://ada:hunter2@127.0.0.1:9", "http://…@127.0.0.1:9"),
    Bad("train --tracking 'http://ada:hunter two@127.0.0.1:9'", "…@127.0.0.1:9"),
    Bad("train --tracking http://127.0.0.1:port", "127.0.0.1:port"),
    Bad("train --tracking http://", "http://"),
    Bad("train --tracking sqlite:///no/such/x.db", "there is no folder"),
    Bad("train --tracking sqlite://x.db", "sqlite:///"),
    Bad("train --tracking sqlite:/x.db", "sqlite:///"),
    Bad("train --tracking sqlite:///:memory:", "memory"),
    Bad("train --tracking sqlite:///.", "name a file in it: sqlite:////"),
    Bad("train --tracking sqlite:///text", "text", {"text": b"no database"}),
    Bad("train --tracking nowhere", "nowhere"),
    Bad("train --tracking ''", "--tracking"),
    Bad("services up --endpoint 127.0.0.1:9000", "looks like http://127.0.0.1:9000"),
    Bad("services up --endpoint http://ada:hunter2@127.0.0.1:9000", "looks like http://127.0.0.1:9000"),
    Bad("services up --store seaweedfs --folder afile", "afile is a file", {"afile": b""}),
    Bad("services env --folder f", "credentials.json", {"f/credentials.json": b"["}, code=1),
    Bad("deliver --folder no/such", "no/such"),
    Bad(
        "train --limit 100 --epochs 1 --tracking off",
        "afile is a file",
        {"afile": b""},
        {"MEMEST_HOME": "afile"},
    ),
]
"""Servers, databases, folders."""


def audited(says: str, labels: object, more: str = "", **arrays: object) -> Bad:
    """An audit of an npz file with these labels."""
    count = len(np.asarray(labels))
    content = npz(images=np.arange(count * 64, dtype=np.uint8).reshape(count, 8, 8), labels=labels, **arrays)
    return Bad(f"audit npz(path=mine.npz) --tracking offline {more}", says, {"mine.npz": content})


AUDITS = [
    Bad("audit", "as in memest audit photos/"),
    Bad("audit photos/", "there is nothing at photos"),
    Bad("audit digits --budget soon", "such as 90s or 10m"),
    Bad("audit digits --budget 0m", "such as 90s or 10m"),
    Bad("audit digits --folds 1", "--folds must be"),
    Bad("audit digits --model tinny", "did you mean 'tiny'"),
    Bad("audit digits --planted 2", "--planted must be"),
    Bad("audit digits --into afile", "afile is a file", {"afile": b""}),
    Bad("audit --sheet nothing --tracking offline", "there is no such folder"),
    Bad("audit --sheet folder --tracking offline", "did not finish", {"folder/sheet/block": b""}),
    Bad("audit --sheet folder --tracking offline", "did not finish", {"folder/other": b""}),
    audited("has one image", [0, 1, 1]),
    audited("one class only", [1, 1, 1, 1], classes=["cat", "dog"]),
    audited("smallest class has 3 images", [0, 0, 0, 0, 1, 1, 1], "--folds 4"),
]
"""Audits of too little, in too little time, or of what did not finish."""
