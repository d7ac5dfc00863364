"""Sheets at ImageNet's size: how fast they are written, summarised and read back, and in how much memory.

1.28 million examples × 200 epochs × 3 scores, three gigabytes, through the same writer, summaries and
reader that a training run uses, into a temporary folder.
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from benchmarks.rows import Row, at_least, at_most, publish
from memest.data import Truth
from memest.grammar.once import OnceParser
from memest.runs.sheet import summary_table
from memest.scores import describe
from memest.store import Header, LocalBlobs, SheetReader, SheetWriter, block_span

KEYS = ("loss", "correct", "input_gradient(norm=2)")
WRITE_BAR, MEMORY_BAR = 300, 1.5


def main() -> None:
    """Write, summarise, read, print, write JSON."""
    parser = OnceParser(__doc__)
    parser.add_argument("--examples", type=int, default=1_280_000)
    parser.add_argument("--epochs", type=int, default=200)
    parser.add_argument("--folder", default=None, help="where the temporary folder is made")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        rows = measured(Path(folder), options.examples, options.epochs)
    settings = {"examples": options.examples, "epochs": options.epochs, "scores": KEYS}
    publish("sheet_rates", torch.device("cpu"), rows, settings=settings)


def measured(folder: Path, examples: int, epochs: int) -> list[Row]:
    """The figures of one sheet."""
    before = peak_memory()
    blobs, ids = LocalBlobs(folder), np.arange(examples)
    header = Header("key", "fingerprint", "synthetic", "none", {}, examples)
    span = block_span(examples, len(KEYS), epochs + 1)
    sheet = SheetWriter(blobs, header, ids, span, describe)
    rows = _rows(examples)
    writing = 0.0
    for epoch in range(epochs + 1):
        columns = {key: np.roll(values, epoch) for key, values in rows.items()}
        began = time.perf_counter()
        sheet.put(epoch, columns, {"weight_norm": 1.0 + epoch})
        writing += time.perf_counter() - began
    labels = np.zeros(examples, np.int64)
    truth = Truth(ids, labels, labels, np.zeros(examples, bool), np.full(examples, -1), "none")
    began = time.perf_counter()
    summary = summary_table(sheet.reader(), truth)
    summarising = time.perf_counter() - began
    began = time.perf_counter()
    sheet.seal(truth.columns(), summary)
    writing += time.perf_counter() - began
    megabytes = 4e-6 * examples * len(KEYS) * (epochs + 1)
    began = time.perf_counter()
    reader = SheetReader.open(blobs)
    for part in reader.stretches():
        for key in KEYS:
            reader.trace(key, part)
    reading = time.perf_counter() - began
    return [
        Row("the disk alone: as many bytes in as large files, synced", disk_rate(folder, megabytes), "MB/s"),
        at_least(
            WRITE_BAR, Row("scores checked, packed, hashed and synced to disk", megabytes / writing, "MB/s")
        ),
        Row("scores read back, from the page cache: verified, in stretches", megabytes / reading, "MB/s"),
        Row(f"{len(summary) - 4} summaries of every example", summarising, "seconds"),
        at_most(MEMORY_BAR, Row("peak resident memory, all of it", peak_memory(), "GB")),
        Row("of which before the sheet was begun (torch and the like)", before, "GB"),
    ]


def disk_rate(folder: Path, megabytes: float, size: int = 32 << 20) -> float:
    """MB per second of files that are written and synced, one after another; they are removed again."""
    content = np.random.default_rng(0).bytes(size)
    count = max(1, round(megabytes * 1e6 / size))
    began = time.perf_counter()
    for number in range(count):
        with (folder / f"plain-{number}").open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    took = time.perf_counter() - began
    for path in folder.glob("plain-*"):
        path.unlink()
    return count * size / 1e6 / took


def _rows(examples: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    rows = {key: rng.gamma(1, size=examples).astype(np.float32) for key in KEYS}
    return rows | {"correct": (rows["correct"] < 1).astype(np.float32)}


def peak_memory() -> float:
    """The most memory this process has had resident so far, in GB."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


if __name__ == "__main__":
    main()
