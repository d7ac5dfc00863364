"""Which examples several runs of the same labels agree on: the mean rank of suspicion."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from memest.analysis.groups import RunGroup, covering, groups, how_many
from memest.analysis.images import examples_figure
from memest.analysis.runset import RunSet
from memest.detect import RANKED, suspicion
from memest.metrics import Floats, midranks
from memest.reports.sections import Picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN = 10
LABEL_SETS = 3
"""At most so many sets of labels are shown of one group."""


def consensus(runs: RunSet, summary: str) -> tuple[NDArray[np.int64], Floats]:
    """Ids and mean rank of suspicion over runs of one set of labels, most suspicious first.

    Args:
        runs: one group, all of one set of labels.
        summary: such as `csl`.

    Returns:
        ids (N,) and mean rank share (N,), 1 for an example that every run suspects most.
    """
    total: Floats | float = 0.0
    for columns in runs.joined([summary]):
        ranks = midranks(suspicion(summary, columns[summary]))
        total = total + ranks / len(ranks)
    best = np.argsort(-np.asarray(total), kind="stable")
    return columns["id"][best], np.asarray(total / len(runs))[best]


def suspects(group: RunGroup, name: str) -> list[Picture]:
    """The examples that the runs of a group suspect most, a picture for each of the first sets of labels.

    Args:
        name: of the first picture; the others have a number after it.
    """
    same = groups(group.runs, same_labels=True)[:LABEL_SETS]
    return [
        Picture(
            f"{name}-{number}" if number else name,
            f"The {SHOWN} labels that {how_many(len(runs), 'run')} suspect most by {summary}, labels "
            f"{part.setting['fingerprint'][:8]}…; red: the label had been changed",
            partial(_paint, runs, summary),
        )
        for number, part in enumerate(same)
        if (summary := _shared(part.runs))
        for _, runs in covering(part.runs, summary)[:1]
    ]


def _paint(runs: RunSet, summary: str) -> Figure:
    return examples_figure(runs[0], consensus(runs, summary)[0][:SHOWN].tolist())


def _shared(runs: RunSet) -> str | None:
    """A summary that all of the runs have: csl, the online one first; else any."""
    names = [*RANKED, *runs[0].summaries]
    return next((name for name in names if all(name in run.summaries for run in runs)), None)
