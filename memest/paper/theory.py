"""The paper's figures of theory: how a memorized example is trained, and how its quantities go together.

    runs → expected values (mean over seeds of the same labels) → pairs (x, y) → 15 bins of x → figures

The expectations of the paper's bounds are over training: so are the means here. Each x is scaled to [0, 1]
and cut into equal bins; an empty bin has no mean.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from memest.analysis.bins import binned_means, unit
from memest.analysis.finding import ANALYSES, Finding, remark
from memest.analysis.matched_runs import STANDARD
from memest.analysis.runset import RunSet
from memest.errors import NoRunsError
from memest.grammar.values import Count
from memest.metrics import Floats, pearson, spearman
from memest.paper.expected import (
    CSL,
    CURVATURE,
    DISTANCE,
    LEARNING,
    MEMORIZATION,
    Expected,
    beside_memorization,
    expectations,
)
from memest.paper.theory_pictures import theory_pictures
from memest.reports.sections import Section
from memest.reports.tables import Column, Table, fixed, whole

if TYPE_CHECKING:
    import pandas as pd

PAIRS = (
    (LEARNING, CSL),
    (CSL, LEARNING),
    (MEMORIZATION, CSL),
    (LEARNING, MEMORIZATION),
    (MEMORIZATION, LEARNING),
    (CSL, MEMORIZATION),
    (CSL, CURVATURE),
    (LEARNING, CURVATURE),
    (MEMORIZATION, CURVATURE),
    (CSL, DISTANCE),
)
"""What is binned, and what is averaged in the bins."""
_READING = (
    "Every value is the mean over the runs of one set of labels, which differ in their seed alone. The "
    "binned quantity is scaled to [0, 1] by its least and greatest value; the number under each dot is that "
    "of the examples in its bin. Correlations are over examples, not over bins: means on a straight line say "
    "little where these are low, and the fullest bins carry them."
)


@ANALYSES.register
def theory(runs: RunSet, *, reference: str = "", bins: Count = 15) -> Finding:
    """Traces of a memorized and a typical example; CSL, learning time, curvature and memorization in bins.

    Args:
        reference: spec of published memorization, such as `feldman_zhang(path=…)`; none: without it.
        bins: of equal width on [0, 1]; the paper's are 15, for ImageNet 21.

    Raises:
        NoRunsError: no run has CSL.
        InputError: no such reference, or one that is not about a run's examples.
    """
    import pandas as pd

    standard = (run for run in runs if run.tags.get("protocol", STANDARD) == STANDARD)
    expected, left_out = expectations(standard)
    sources = {}
    for place, one in enumerate(expected if reference else ()):
        sources[reference], expected[place] = beside_memorization(one, reference)
    if not expected:
        raise NoRunsError.without(
            "csl; train with --scores 'logits, input_gradient', which is what learning time needs as well",
            len(runs),
        )
    tables = [theory_table(one, bins) for one in expected]
    return Finding(
        title="CSL, learning time and memorization",
        tables={"theory": pd.concat(tables, ignore_index=True)},
        sections=[
            Section(one.title, _table(table), theory_pictures(number, one, table), said=_answer(table))
            for number, (one, table) in enumerate(zip(expected, tables, strict=True))
        ],
        remark=remark(_READING, (run for one in expected for run in one.runs), *left_out),
        sources=sources,
    )


def bin_means(x_N: Floats, y_N: Floats, bins: int) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Mean of y in equal bins of x, scaled to [0, 1].

    Returns:
        edges (bins + 1,); means (bins,), NaN in an empty bin; counts (bins,), which sum to N.
    """
    edges = np.linspace(0, 1, bins + 1)
    return edges, *binned_means(unit(x_N), y_N, edges)


def theory_table(one: Expected, bins: int) -> pd.DataFrame:
    """One row per pair of quantities and bin: ends, mean and count; and the correlations of the pair."""
    import pandas as pd

    rows = []
    for x, y in _pairs(one):
        known = np.isfinite(one.values[x]) & np.isfinite(one.values[y])
        x_N, y_N = one.values[x][known], one.values[y][known]
        edges, means, counts = bin_means(x_N, y_N, bins)
        straight, ranked = pearson(x_N, y_N), spearman(x_N, y_N)
        rows += [
            {
                **one.group.axes,
                "group": one.title,
                "seeds": len(one.runs),
                "x": x,
                "y": y,
                "low": edges[place],
                "high": edges[place + 1],
                "mean": means[place],
                "count": int(counts[place]),
                "pearson": straight,
                "spearman": ranked,
            }
            for place in range(bins)
        ]
    return pd.DataFrame(rows, columns=None if rows else ["x", "y"])


def _pairs(one: Expected) -> list[tuple[str, str]]:
    return [(x, y) for x, y in PAIRS if x in one.values and y in one.values]


def _answer(table: pd.DataFrame) -> str:
    """How closely csl orders the examples as the other quantities do."""
    pairs = {
        str({x, y}.difference({CSL}).pop()): (int(part["count"].sum()), float(part.spearman.iloc[0]))
        for (x, y), part in table.groupby(["x", "y"], sort=False)
        if CSL in (x, y)
    }
    if not pairs:
        return "Nothing was measured that csl could be set beside."
    closest = max(pairs, key=lambda name: pairs[name][1])
    said = ", ".join(f"{name} {ranked:.2f}" for name, (_, ranked) in pairs.items() if name != closest)
    count, ranked = pairs[closest]
    return (
        f"csl orders {count:,} examples most nearly as {closest} does, with Spearman {ranked:.2f}"
        f"{f' (with {said})' if said else ''}; 1 is the same order, 0 none in common."
    )


def _table(table: pd.DataFrame) -> Table:
    """One row per pair of quantities."""
    pairs = [(str(x), str(y), part) for (x, y), part in table.groupby(["x", "y"], sort=False)]
    return Table(
        (
            Column("binned", [x for x, *_ in pairs]),
            Column("averaged", [y for _, y, _ in pairs]),
            Column("examples", [part["count"].sum() for *_, part in pairs], whole),
            Column("bins filled", [f"{(part['count'] > 0).sum()} of {len(part)}" for *_, part in pairs]),
            Column("Pearson", [float(part.pearson.iloc[0]) for *_, part in pairs], fixed(3)),
            Column("Spearman", [float(part.spearman.iloc[0]) for *_, part in pairs], fixed(3)),
        )
    )
