"""For tests of summaries, detectors and analyses, your own among them: finished runs without training.

    truth = truth_of(labels, changed)
    run = generated(tmp_path, truth, {"csl": values})
    my_analysis(RunSet([run]))

A generated run has a real sheet on disk, sealed as the stages seal theirs; it needs no network and no server.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memest.analysis.record import RunRecord
from memest.detect import evaluate_table
from memest.store import Header, LocalBlobs, SheetWriter

_numbers = itertools.count()
CONFIG = {"data": "digits", "limit": 0, "model": "tiny", "epochs": 30}


def truth_of(labels: NDArray[np.int64], changed: NDArray[np.bool_], **more: Any) -> dict[str, Any]:
    """Truth columns over ids 0 … N − 1; a changed label was the next class before.

    Args:
        labels: (N,) as given.
        changed: (N,), whether each was changed.
        more: columns by name, (N,), in place of those made here or beside them.
    """
    classes = labels.max() + 1
    columns = {
        "id": np.arange(len(labels)),
        "label": labels,
        "original_label": np.where(changed, (labels + 1) % classes, labels),
        "changed": changed,
        "partner_id": np.full(len(labels), -1),
    }
    return columns | more


def generated(
    root: Path,
    truth: dict[str, Any],
    summaries: dict[str, Any],
    traces: dict[str, Any] | None = None,
    config: dict[str, Any] | None = None,
    metrics: dict[str, float] | None = None,
    evaluated: bool = False,
    **tags: str,
) -> RunRecord:
    """A finished run under `root` with these summaries.

    Args:
        root: a folder; each run gets one of its own in it.
        truth: columns by name, (N,), as of `truth_of`.
        summaries: by name, (N,).
        traces: scores by key, (E, N) from epoch 0 on.
        config: settings besides, or in place of, those of a short run on digits.
        metrics: of the run, by name.
        evaluated: whether it stores what its summaries find, as runs do.
        tags: of the run, in place of the usual ones.
    """
    number = next(_numbers)
    axes = {"dataset": "digits", "limit": "0", "corruption": "symmetric_noise(rate=0.1)", "model": "tiny"}
    axes |= {
        "protocol": "standard",
        "epochs": "30",
        "recipe": "0a0b0c0d",
        "seed": "0",
        "fingerprint": "f" * 64,
    }
    blobs = LocalBlobs(root / f"run-{number}")
    header = Header(
        key=f"key-{number}",
        fingerprint=(axes | tags)["fingerprint"],
        order="generated",
        corruption=(axes | tags)["corruption"],
        config=CONFIG | (config or {}),
        count=len(truth["id"]),
        classes=tuple(f"class {k}" for k in range(truth["label"].max() + 1)),
    )
    writer = SheetWriter(blobs, header, truth["id"], 10**6, lambda key: {"units": "", "harder": 1})
    for epoch in range(len(next(iter((traces or {}).values()), ()))):
        writer.put(epoch, {key: np.asarray(rows[epoch]) for key, rows in (traces or {}).items()}, {})
    facts = {name: truth[name] for name in ("id", "label", "original_label", "changed")}
    summary = facts | {name: np.asarray(values, np.float64) for name, values in summaries.items()}
    found = evaluate_table(summary) if evaluated else None
    writer.seal(truth, summary, found.to_json() if found else None)
    return RunRecord(f"run{number}", f"run {number}", axes | tags, metrics or {}, blobs)
