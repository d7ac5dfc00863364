"""Are changed labels found among easy and hard examples alike? Detection by deciles of a reference.

Depends on `analysis.aligned`, `stats`, pandas.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from memest.analysis.aligned import Beside, beside, groups
from memest.analysis.detection import AXES, GROUP
from memest.analysis.finding import ANALYSES, Cells, Finding, Section
from memest.analysis.runset import RunSet
from memest.errors import NoRunsError
from memest.metrics import Floats, auroc
from memest.reports import figures

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

PARTS = 10
_DRAWN = ("csl", "seen/csl", "aum", "mean_curvature", "first_learned", "final_loss")
_READING = (
    "Decile 1 holds the tenth of a run's examples that the reference calls easiest, under their labels "
    "before the corruption; examples it does not tell apart are kept in the order of their ids. AUROC "
    "compares the changed labels of a decile with the kept ones of the same decile; a decile without a "
    "changed or without a kept label is blank. Numbers are means over runs that differ in seeds only; "
    "positives are all of them together."
)


@ANALYSES.register
def detection_by_difficulty(runs: RunSet, *, reference: str) -> Finding:
    """AUROC of every summary within each decile of a reference, with the number of changed labels there.

    Args:
        runs: those without changed labels are left out.
        reference: its spec, such as `c_scores(path='cifar100-cscores-orig-order.npz')`.

    Raises:
        InputError: no such reference, or one that is not about a run's examples; says which run.
        NoRunsError: no run has changed labels.
    """
    found, pairs = beside(runs, reference)
    judged = [pair for pair in pairs if pair.run.summaries and 0 < pair.changed.mean() < 1]
    if not judged:
        raise NoRunsError(
            f"none of the {len(runs)} runs has changed labels to detect; train with --corruption "
            "'symmetric_noise(rate=0.05)'"
        )
    rows = difficulty_rows(judged)
    table = difficulty_table(rows)
    return Finding(
        title=f"Where are changed labels found? By deciles of {found.name}",
        tables={"difficulty": table, "difficulty_per_run": rows},
        sections=[_section(number, title, part) for number, (title, part) in enumerate(groups(table))],
        remark=f"{_READING} Reference: {reference}, SHA-256 {found.sha256}. "
        f"Runs: {', '.join(pair.run.id for pair in judged)}.",
        sources={"reference": found.sha256},
    )


def deciles(hardness: Floats, ids: NDArray[np.int64], parts: int = PARTS) -> NDArray[np.int64]:
    """The part, 1…`parts`, of each example by rank of hardness, (N,); equal ones in the order of ids."""
    place = np.empty(len(hardness), np.int64)
    place[np.lexsort((ids, hardness))] = np.arange(len(hardness))
    return place * parts // len(hardness) + 1


def difficulty_rows(judged: Sequence[Beside]) -> pd.DataFrame:
    """One row per run, summary and decile.

    Columns: the axes, seed, run, summary, decile, examples, members, positives, auroc (NaN in a decile
    without changed or without kept labels).
    """
    import pandas as pd

    return pd.DataFrame([row for pair in judged for row in _rows(pair)])


def difficulty_table(rows: pd.DataFrame) -> pd.DataFrame:
    """One row per group, summary and decile: mean AUROC over seeds, positives of all of them together."""
    table = rows.groupby([*GROUP, "summary", "decile"], sort=True).agg(
        runs=("run", "nunique"),
        positives=("positives", "sum"),
        auroc=("auroc", "mean"),
        lowest=("auroc", "min"),
        highest=("auroc", "max"),
    )
    return table.reset_index()


def _rows(pair: Beside) -> Iterable[dict[str, object]]:
    run = pair.run
    decile = deciles(pair.hardness, run.summary["id"])
    for name, values in pair.suspicions().items():
        for part in range(1, PARTS + 1):
            changed = pair.changed[decile == part]
            positives = int(changed.sum())
            both = 0 < positives < len(changed)
            yield {
                **{axis: run.tags.get(axis, "") for axis in AXES},
                "seed": run.tags.get("seed", ""),
                "run": run.id,
                "summary": name,
                "decile": part,
                "examples": len(decile),
                "members": len(changed),
                "positives": positives,
                "auroc": auroc(values[decile == part], changed) if both else np.nan,
            }


def _cells(part: pd.DataFrame) -> Cells:
    wide = part.pivot(index="summary", columns="decile", values="auroc")
    counts = part.groupby("decile").positives.max()
    header = ["AUROC by decile", *map(str, counts.index)]
    best = wide.mean(axis=1).sort_values(ascending=False).index
    rows = [[name, *("" if np.isnan(v) else f"{v:.3f}" for v in wide.loc[name])] for name in best]
    return header, [["positives", *map(str, counts)], *rows]


def _section(number: int, title: str, part: pd.DataFrame) -> Section:
    def paint() -> dict[tuple[str, str], Figure]:
        lines = {
            name: rows.sort_values("decile").auroc.to_numpy(float)
            for name in _drawn(part)
            for rows in [part[part.summary == name]]
        }
        edges = np.arange(PARTS + 1) + 0.5
        figure = figures.binned(
            edges, lines, "decile of the reference, 10 the hardest", "AUROC in the decile"
        )
        return {(f"difficulty-{number}", "Mean AUROC over seeds; a gap has no changed label"): figure}

    return Section(title, _cells(part), paint)


def _drawn(part: pd.DataFrame) -> list[str]:
    present = list(part.summary.unique())
    return [name for name in _DRAWN if name in present] or present[:6]
