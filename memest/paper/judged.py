"""How well methods find given positives, trial by trial: what the tables of detection have in common.

Depends on `trials`, `methods`, `published`, `detect`, `stats`, pandas.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from memest.analysis.columns import seconds
from memest.analysis.frames import records
from memest.analysis.runset import RunRecord
from memest.analysis.trials import Trial
from memest.detect import judge as evaluate
from memest.detect import suspicion
from memest.metrics import Floats, Ranking, auroc, bootstrap
from memest.paper.methods import labelled
from memest.paper.published import departures
from memest.reports import figures

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

Methods = Mapping[str, tuple[RunRecord, str]]
Chosen = Callable[[dict[str, Any]], bool]
REFERENCE = "csl"
"""What every method is compared with, on the same trial."""


def judge(
    trial: Trial,
    methods: Methods,
    values: Mapping[str, Floats],
    positives_N: NDArray[np.bool_],
    kept: NDArray[np.bool_] | slice = slice(None),
    resamples: int = 0,
) -> Iterable[dict[str, Any]]:
    """One row per method: how it ranks positives above the rest, on the examples that are kept.

    Columns: the axes of the trial, seed, labels (of the fingerprint, 12 digits), run, method, auroc with
    its 95 % interval (low, high), average_precision, fpr95, precision (at k = the number of positives),
    positives, examples, p_vs_csl (paired DeLong on the same trial), seconds, and, with `resamples`,
    the bootstrap interval (bootstrap_low, bootstrap_high), drawn with seed 0.
    """
    positives = positives_N[kept]
    base = (
        Ranking(suspicion(REFERENCE, values[REFERENCE])[kept], positives, REFERENCE)
        if REFERENCE in methods
        else None
    )
    for name, (run, column) in methods.items():
        turned = suspicion(column, values[name])[kept]
        ranking = Ranking(turned, positives, name)
        found = evaluate(ranking)
        row = {
            **trial.axes,
            "seed": trial.seed,
            "labels": trial.fingerprint[:12],
            "run": run.id,
            "method": name,
            **found.figures(),
            "positives": found.positives,
            "examples": found.examples,
            "p_vs_csl": np.nan if base is None or name == REFERENCE else ranking.against(base).p_value,
            "seconds": np.nan if (spent := seconds(run, column)) is None else spent,
        }
        if resamples:
            rng = np.random.default_rng(0)
            drawn = bootstrap(auroc, turned, positives, rng, resamples)
            row |= {"bootstrap_low": drawn.low, "bootstrap_high": drawn.high}
        yield row


def averaged(rows: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Rows of `judge` over seeds: means, the standard deviation of AUROC (NaN for one seed) and its ends.

    Sorted by group, best mean AUROC first. `runs` names every run that a value is made from.
    """
    table = rows.groupby(list(by), sort=True).agg(
        seeds=("run", "size"),
        auroc=("auroc", "mean"),
        spread=("auroc", "std"),
        lowest=("auroc", "min"),
        highest=("auroc", "max"),
        average_precision=("average_precision", "mean"),
        fpr95=("fpr95", "mean"),
        precision=("precision", "mean"),
        positives=("positives", "max"),
        examples=("examples", "max"),
        largest_p_vs_csl=("p_vs_csl", "max"),
        seconds=("seconds", "mean"),
        departs=("departs", "first"),
        runs=("run", lambda ids: ", ".join(dict.fromkeys(ids))),
    )
    keys = [*(name for name in by if name != "method"), "auroc"]
    ascending = [True] * (len(keys) - 1) + [False]
    return table.reset_index().sort_values(keys, ascending=ascending, ignore_index=True)


def departures_of(run: RunRecord) -> str:
    """In what a run is not the paper's, in words; empty if it is."""
    header = run.sheet.manifest.header
    return "; ".join(departures(header.config, header.count, len(header.classes)))


def with_published(
    table: pd.DataFrame, published: Callable[[str, str, str], float | None], where: Chosen = lambda row: True
) -> pd.DataFrame:
    """The table with the column `published`: NaN where a run departs from the paper, or it has no number.

    Args:
        published: dataset, corruption and method → the paper's value.
        where: which rows the paper's table speaks of.
    """
    values = [
        published(row["dataset"], row["corruption"], row["method"])
        if where(row) and not row["departs"]
        else None
        for row in records(table)
    ]
    return table.assign(published=np.array(values, dtype=np.float64))


def dotted(cell: pd.DataFrame, rows: pd.DataFrame) -> Figure:
    """AUROC of each seed with its interval, best method on top, the published value beside it.

    Args:
        cell: one row per method, of `averaged`.
        rows: those of `judge` for the same cell.
    """
    best = records(cell.sort_values("auroc", ascending=False))
    seeds: dict[str, list[tuple[float, float, float]]] = {}
    for row in records(rows):
        seeds.setdefault(row["method"], []).append((row["auroc"], row["low"], row["high"]))
    theirs = {labelled(row["method"]): row["published"] for row in best if not np.isnan(row["published"])}
    return figures.intervals([(labelled(r["method"]), seeds[r["method"]]) for r in best], "AUROC", theirs)


def mean_and_spread(mean: float, deviation: float) -> str:
    """`0.9845 ± 0.0026`; one seed has no spread; empty where nothing was measured."""
    if np.isnan(mean):
        return ""
    return f"{mean:.4f}" if np.isnan(deviation) else f"{mean:.4f} ± {deviation:.4f}"


def p_text(value: float) -> str:
    """A p-value in a table; empty where there is none."""
    if np.isnan(value):
        return ""
    return "<1e-16" if value < 1e-16 else f"{value:.1g}"
