"""How early is a score good enough: AUROC of each summary from the first epochs alone.

What a summary is of the epochs up to t, a training stopped there would have had, but for its schedule.
Read from the sheets of the runs themselves. Depends on `stats`, `summaries`, pandas.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from memest.analysis.detection import AXES, GROUP
from memest.analysis.finding import ANALYSES, Cells, Finding, Section
from memest.analysis.runset import RunRecord, RunSet
from memest.errors import NoRunsError
from memest.metrics import Floats, auroc
from memest.reports import figures
from memest.store import SheetReader
from memest.summaries import Trace, needs_of, summarise, suspicion

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

SUMMARIES = (
    "csl",
    "seen/csl",
    "aum",
    "mean_confidence",
    "mean_el2n",
    "final_loss",
    "in_confidence",
    "first_learned",
    "forgetting_count",
)
"""Those that are followed, where their scores were measured."""
NEAR = 0.01
"""How near to its final value an AUROC counts as there."""
MOST = 40
"""Epochs at which a long run is looked at, close together at first; the first and the last among them."""
_READING = (
    "Each value is of the epochs up to that one alone. Settled: the first epoch looked at from which the "
    f"mean AUROC over runs stays within {NEAR:g} of its final value. A run made shorter would have another "
    "learning-rate schedule: this is about how early one may look, not how short one may train."
)


@ANALYSES.register
def early(runs: RunSet) -> Finding:
    """AUROC of each summary as a function of the epochs seen, means over seeds.

    Raises:
        NoRunsError: no run has changed labels.
    """
    rows = early_rows(runs)
    table = early_table(rows)
    return Finding(
        title="How early is a score good enough?",
        tables={"early": table, "early_per_epoch": rows},
        sections=[_section(number, part) for number, (_, part) in enumerate(table.groupby(GROUP))],
        remark=f"{_READING} Runs: {', '.join(rows.run.unique())}.",
    )


def early_rows(runs: RunSet) -> pd.DataFrame:
    """One row per run, summary and epoch t: the axes, seed, run, summary, epoch, auroc, examples.

    Raises:
        NoRunsError: no run has changed labels and one of the summaries.
    """
    import pandas as pd

    judged = [run for run in runs if 0 < run.sheet.truth()["changed"].mean() < 1]
    rows = [row for run in judged for row in _rows(run)]
    if not rows:
        raise NoRunsError(
            f"none of the {len(runs)} runs has changed labels and scores from logits; train with "
            "--corruption 'symmetric_noise(rate=0.05)' --scores logits"
        )
    return pd.DataFrame(rows)


def early_table(rows: pd.DataFrame) -> pd.DataFrame:
    """One row per group and summary: runs, final mean AUROC, the epoch at which it settled, and the curve.

    The curve, columns looked_at and aurocs, is the mean over the runs of the group.
    What settles first comes first.
    """
    import pandas as pd

    found = []
    for group, part in rows.groupby([*GROUP, "summary"], sort=False):
        curve = part.groupby("epoch").auroc.mean()
        epochs, values = curve.index.to_numpy(), curve.to_numpy()
        found.append(
            {
                **dict(zip([*GROUP, "summary"], group, strict=True)),
                "runs": part.run.nunique(),
                "final": float(values[-1]),
                "settled": int(epochs[settled(values)]),
                "looked_at": epochs.tolist(),
                "aurocs": values.tolist(),
            }
        )
    return pd.DataFrame(found).sort_values([*GROUP, "settled", "final"], ignore_index=True)


def settled(values_T: Floats, near: float = NEAR) -> int:
    """The first place from which all values stay within `near` of the last one."""
    outside = np.flatnonzero(np.abs(values_T - values_T[-1]) > near)
    return int(outside[-1]) + 1 if outside.size else 0


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


def _rows(run: RunRecord) -> Iterator[dict[str, Any]]:
    changed = run.sheet.summary()["changed"].astype(bool)
    for summary in SUMMARIES:
        needs = needs_of(summary)
        if not all(key in run.sheet.manifest.scores for key in needs):
            continue
        epochs = looked_at(run.sheet, needs)
        if not len(epochs):
            continue
        for epoch, values in zip(epochs, prefixes(run.sheet, summary, epochs), strict=True):
            yield {
                **{axis: run.tags.get(axis, "") for axis in AXES},
                "examples": len(changed),
                "seed": run.tags.get("seed", ""),
                "run": run.id,
                "summary": summary,
                "epoch": int(epoch),
                "auroc": auroc(suspicion(summary, values), changed),
            }


def looked_at(sheet: SheetReader, needs: tuple[str, ...]) -> NDArray[np.int64]:
    """Epochs of training at which all that a summary needs was measured, (T,), thinned to at most `MOST`."""
    measured = [{epoch for epoch in sheet.manifest.scores[key]["epochs"] if epoch} for key in needs]
    epochs = np.array(sorted(set.intersection(*measured)), np.int64)
    if len(epochs) <= MOST:
        return epochs
    chosen: NDArray[np.int64] = epochs[np.unique(np.geomspace(1, len(epochs), MOST).round().astype(int)) - 1]
    return chosen


def _section(number: int, part: pd.DataFrame) -> Section:
    first = part.iloc[0]
    title = (
        f"{first['dataset']}, {first['corruption']}, {first['model']}, {first['epochs']} epochs, "
        f"{part.runs.max()} run{'s' if part.runs.max() > 1 else ''}"
    )

    def paint() -> dict[tuple[str, str], Figure]:
        curves = {
            row["summary"]: (np.array(row["looked_at"]), np.array(row["aurocs"]))
            for row in part.to_dict("records")
        }
        caption = "AUROC of each summary from the epochs seen so far, mean over seeds"
        return {(f"early-{number}", caption): figures.epoch_curves(curves, "AUROC")}

    return Section(title, _cells(part), paint)


def _cells(part: pd.DataFrame) -> Cells:
    """The epoch at which each summary settled, and its AUROC after shares of the epochs."""
    header = ["summary", "settled", "first", "10 %", "25 %", "50 %", "all"]
    rows = []
    for row in part.to_dict("records"):
        last = row["looked_at"][-1]
        at = [row["aurocs"][0], *(_by(row, share * last) for share in (0.1, 0.25, 0.5)), row["final"]]
        rows.append([row["summary"], f"epoch {row['settled']}", *(f"{value:.4f}" for value in at)])
    return header, rows


def _by(row: dict[Any, Any], epoch: float) -> float:
    """The AUROC of the last epoch looked at that is not after `epoch`; of the first, if all are."""
    place = max(int(np.searchsorted(row["looked_at"], epoch, side="right")) - 1, 0)
    value: float = row["aurocs"][place]
    return value
