"""How well each summary finds the labels that were changed, over seeds and models.

    runs → rows (one per run and summary) → table (one per group and summary) → sections of a report

Depends on `detect`, `stats`, `summaries`, pandas.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from memest import tracking
from memest.analysis.finding import ANALYSES, Cells, Finding, Section, Suspects
from memest.analysis.runset import RunRecord, RunSet
from memest.detect import Detection, judge, rank, suspicion
from memest.errors import NoRunsError
from memest.metrics import Floats, Ranking, midranks
from memest.reports import figures

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

AXES = [axis for axis in tracking.AXES if axis != "seed"]
GROUP = [*AXES, "examples"]
REFERENCES = ("csl", "seen/csl")
_CURVES = ("csl", "seen/csl", "aum", "final_loss", "first_learned")
_READING = (
    "csl is summed over clean passes in evaluation mode, seen/csl over the training batches themselves. "
    "AUROC, AP, FPR95 and P@k are means over runs that differ in seeds only; their spread is shown as it is. "
    "p: the largest of the runs' paired DeLong tests against CSL on the same run."
)


@ANALYSES.register
def detection(runs: RunSet) -> Finding:
    """AUROC and its company for every summary against the stored truth, over seeds and models.

    Raises:
        NoRunsError: no run has changed labels.
    """
    rows = detection_rows(runs)
    table = detection_table(rows)
    judged = RunSet([run for run in runs if run.id in set(rows.run)])
    return Finding(
        title="Which summaries find the changed labels?",
        tables={"detection": table, "detection_per_run": rows},
        sections=[
            _section(number, title, part, judged, rows) for number, (title, part) in enumerate(_groups(table))
        ],
        remark=f"{_READING} Runs: {', '.join(run.id for run in judged)}.",
        suspects=[
            Suspects(same, consensus(same, name)[0].tolist())
            for _, same in judged.group_by("fingerprint")
            if (name := _shared(same))
        ],
    )


def detection_rows(runs: RunSet) -> pd.DataFrame:
    """One row per run and summary: how well it ranks changed labels above kept ones.

    Columns: the axes, seed, run, summary, auroc with its 95 % interval (low, high),
    average_precision, fpr95, precision (at k = the number of changed labels), changed, examples, and
    p_vs_csl, the paired DeLong test against CSL on the same run.

    Raises:
        NoRunsError: no run has changed labels.
    """
    import pandas as pd

    rows = [row for some in runs.map(_rows) for row in some]
    if not rows:
        raise NoRunsError(
            f"none of the {len(runs)} runs has changed labels to detect; train with --corruption "
            "'symmetric_noise(rate=0.05)', or look at the suspicious table of each run in the MLflow UI"
        )
    return pd.DataFrame(rows)


def detection_table(rows: pd.DataFrame) -> pd.DataFrame:
    """One row per group and summary: means over seeds, and the lowest and highest AUROC of any seed.

    Sorted by group, best mean AUROC first. Three seeds carry no test, so the spread is shown as it is.
    """
    table = rows.groupby([*GROUP, "summary"], sort=True).agg(
        runs=("run", "nunique"),
        auroc=("auroc", "mean"),
        lowest=("auroc", "min"),
        highest=("auroc", "max"),
        average_precision=("average_precision", "mean"),
        fpr95=("fpr95", "mean"),
        precision=("precision", "mean"),
        changed=("changed", "max"),
        largest_p_vs_csl=("p_vs_csl", "max"),
    )
    ascending = [True] * len(GROUP) + [False]
    return table.reset_index().sort_values([*GROUP, "auroc"], ascending=ascending, ignore_index=True)


def consensus(runs: RunSet, summary: str) -> tuple[NDArray[np.int64], Floats]:
    """Ids and mean rank of suspicion over runs of one set of labels, most suspicious first.

    Args:
        runs: all of one fingerprint.
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


def precision_curve(summary: str, values_N: Floats, changed_N: NDArray[np.bool_]) -> Floats:
    """Precision among the k most suspicious for k = 1 … N, (N,)."""
    hits = np.cumsum(changed_N[rank(summary, values_N)])
    return np.asarray(hits / np.arange(1, len(hits) + 1))


def _rows(run: RunRecord) -> list[dict[str, object]]:
    """One row per summary; none where nothing or everything was changed."""
    columns = run.read()
    changed = columns["changed"].astype(bool)
    if not run.summaries or not 0 < changed.mean() < 1:
        return []
    rankings = {name: Ranking(suspicion(name, columns.pop(name)), changed, name) for name in run.summaries}
    found = {name: judge(ranking) for name, ranking in rankings.items()}
    return [_row(run, name, found[name], rankings[name], rankings.get("csl")) for name in rankings]


def _row(
    run: RunRecord, name: str, found: Detection, ranking: Ranking, csl: Ranking | None
) -> dict[str, object]:
    return {
        **{axis: run.tags.get(axis, "") for axis in AXES},
        "seed": run.tags.get("seed", ""),
        "run": run.id,
        "summary": name,
        **found.figures(),
        "changed": found.positives,
        "examples": found.examples,
        "p_vs_csl": np.nan if csl is None else ranking.against(csl).p_value,
    }


def _shared(runs: RunSet) -> str | None:
    """A summary that all of the runs have: CSL, the clean one first; else any."""
    names = [*REFERENCES, *runs[0].summaries]
    return next((name for name in names if all(name in run.summaries for run in runs)), None)


def protocol_of(axes: Mapping[str, object]) -> str:
    """A protocol as titles name it: the standard one not at all."""
    protocol = axes.get("protocol", "standard")
    return "" if protocol == "standard" else f"{protocol}, "


def _groups(table: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    for group, part in table.groupby(GROUP, sort=False):
        axes = dict(zip(GROUP, group, strict=True))
        first = part.iloc[0]
        count = f"{part.runs.max()} run{'s' if part.runs.max() > 1 else ''}"
        title = (
            f"{axes['dataset']}, {axes['corruption']}, {axes['model']}, {protocol_of(axes)}"
            f"{axes['epochs']} epochs, {count}: {first.changed:,} of {first.examples:,} labels changed"
        )
        yield title, part


def _cells(part: pd.DataFrame) -> Cells:
    changed = part.iloc[0].changed
    header = ["summary", "AUROC", "over runs", "AP", "FPR95", f"P@{changed}", "p (vs CSL)"]
    rows = [
        [
            row["summary"],
            f"{row['auroc']:.4f}",
            f"{row['lowest']:.4f}–{row['highest']:.4f}",
            f"{row['average_precision']:.3f}",
            f"{row['fpr95']:.3f}",
            f"{row['precision']:.3f}",
            "" if row["summary"] == "csl" else _p(row["largest_p_vs_csl"]),
        ]
        for row in part.to_dict("records")
    ]
    return header, rows


def _p(value: float) -> str:
    if np.isnan(value):
        return ""
    return "<1e-16" if value < 1e-16 else f"{value:.1g}"


def _section(number: int, title: str, part: pd.DataFrame, runs: RunSet, rows: pd.DataFrame) -> Section:
    mine = rows.merge(part[GROUP].drop_duplicates(), on=GROUP)

    def paint() -> dict[tuple[str, str], Figure]:
        return {
            (f"auroc-{number}", "AUROC of each seed with its 95 % interval"): figures.intervals(
                _dots(part, mine), "AUROC"
            ),
            (f"depth-{number}", "How far down the list it pays to look, mean over seeds"): _depths(
                runs, mine
            ),
        }

    return Section(title, _cells(part), paint)


def _dots(part: pd.DataFrame, rows: pd.DataFrame) -> list[tuple[str, list[tuple[float, float, float]]]]:
    return [
        (name, [(row.auroc, row.low, row.high) for row in rows[rows.summary == name].itertuples()])
        for name in part.summary
    ]


def _depths(runs: RunSet, rows: pd.DataFrame) -> Figure:
    """Mean precision at each depth over the runs of one group."""
    mine = [run for run in runs if run.id in set(rows.run)]
    curves = {}
    for name in _CURVES:
        each = [
            precision_curve(name, columns[name], columns["changed"].astype(bool))
            for run in mine
            if name in run.summaries and (columns := run.read([name, "changed"]))
        ]
        if each:
            curves[name] = np.mean(each, axis=0)
    return figures.depth_curves(curves, float(np.mean(mine[0].read(["changed"])["changed"])))
