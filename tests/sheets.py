"""A score sheet that tests write and read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from memest.store import Blobs, Header, Manifest, SheetReader, SheetWriter
from memest.store.tables import Columns

IDS = np.array([40, 7, 19, 3, 22])
FINGERPRINT = "0123456789abcdef" * 4
HEADER = Header(
    key="k" * 64,
    fingerprint=FINGERPRINT,
    order="torchvision",
    corruption="symmetric_noise(rate=0.05)",
    config={"epochs": 7, "lr": 0.1, "name": "é", "corruption_seed": None, "deterministic": True},
    count=len(IDS),
)


TRUTH: Columns = {
    "id": IDS,
    "label": np.array([0, 1, 2, 3, 4]),
    "original_label": np.array([0, 1, 2, 3, 0]),
    "changed": np.array([False, False, False, False, True]),
    "partner_id": np.full(5, -1),
}


SUMMARY: Columns = TRUTH | {"csl": np.array([0.5, 1.5, 2.5, 1e-9, 9.75])}
EPOCHS = 8
LOSS = np.random.default_rng(0).gamma(1, size=(EPOCHS, len(IDS))).astype(np.float32)
GRADIENT = np.random.default_rng(1).gamma(1, size=(EPOCHS, len(IDS))).astype(np.float32)
NORM = np.random.default_rng(2).gamma(9, size=EPOCHS)
MEASURED = [0, 3, 6, 7]
"""The epochs at which the gradient is measured; with blocks of 2 epochs one block has none."""


Opener = Callable[[], Blobs]


def describe(key: str) -> dict[str, Any]:
    """Unit and direction, as `memest.scores.describe` gives them."""
    return {"unit": "nats", "harder": 1, "name": key.partition("(")[0]}


def begin(blobs: Blobs, span: int = 2) -> SheetWriter:
    """A sheet with nothing in it."""
    return SheetWriter(blobs, HEADER, IDS, span, describe)


def put(sheet: SheetWriter, epochs: range | list[int]) -> None:
    """Loss and weight norm of these epochs, and the gradient where it is measured."""
    for epoch in epochs:
        near = {"input_gradient(norm=2)": GRADIENT[epoch]} if epoch in MEASURED else {}
        sheet.put(epoch, {"loss": LOSS[epoch]} | near, {"weight_norm": NORM[epoch]})


def write(blobs: Blobs, span: int = 2) -> Manifest:
    """A sealed sheet of eight epochs."""
    sheet = begin(blobs, span)
    put(sheet, range(EPOCHS))
    return sheet.seal(TRUTH, SUMMARY)


def assert_holds_all(reader: SheetReader, until: int = EPOCHS) -> None:
    """Every number that `put` gave comes back, with its epochs."""
    measured = [epoch for epoch in MEASURED if epoch < until]
    for key, epochs, values in (
        ("loss", list(range(until)), LOSS[:until]),
        ("input_gradient(norm=2)", measured, GRADIENT[measured]),
        ("scalar/weight_norm", list(range(until)), NORM[:until, None]),
    ):
        came_epochs, came = reader.trace(key)
        assert came_epochs.tolist() == epochs
        assert came.dtype == values.dtype
        np.testing.assert_array_equal(came, values)


def assert_tables_equal(came: Columns, put: Columns) -> None:
    """Names, order, types and values of the columns."""
    assert list(came) == list(put)
    for name, column in put.items():
        assert came[name].tolist() == column.tolist(), name
        assert column.dtype.kind == "U" or came[name].dtype == column.dtype, name


def files(folder: Path) -> dict[str, bytes]:
    """Every file under a folder."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
