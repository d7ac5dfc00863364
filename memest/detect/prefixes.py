"""Summaries of the first epochs alone: what a training stopped there would have had, but for its schedule."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np
from numpy.typing import NDArray

from memest.metrics import Floats
from memest.store import SheetReader
from memest.summaries import Trace, needs_of, summarise

MOST = 40
"""Epochs at which a long run is looked at, close together at first; the first and the last among them."""


def looked_at(sheet: SheetReader, needs: tuple[str, ...]) -> NDArray[np.int64]:
    """Epochs of training at which all that a summary needs was measured, (T,), thinned to at most `MOST`."""
    measured = [{epoch for epoch in sheet.manifest.scores[key]["epochs"] if epoch} for key in needs]
    epochs = np.array(sorted(set.intersection(*measured)), np.int64)
    if len(epochs) <= MOST:
        return epochs
    chosen: NDArray[np.int64] = epochs[np.unique(np.geomspace(1, len(epochs), MOST).round().astype(int)) - 1]
    return chosen


def prefixes(sheet: SheetReader, summary: str, epochs_T: NDArray[np.int64]) -> Floats:
    """Values of a summary of the epochs up to each of `epochs_T`, (T, N).

    Examples are worked on in stretches, so that only those of one are in memory with all their epochs.

    Raises:
        MissingTraceError: a score it needs was not measured by the first of these epochs.
    """
    parts = []
    for examples in sheet.stretches():
        traces = {key: Trace(*sheet.trace(key, examples)) for key in needs_of(summary)}
        parts.append(np.stack([summarise(summary, partial(_until, traces, int(t))) for t in epochs_T]))
    return np.concatenate(parts, axis=1)


def _until(traces: Mapping[str, Trace], epoch: int, key: str) -> Trace:
    return traces[key].until(epoch)
