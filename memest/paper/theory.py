"""The paper's figures of theory: how a memorized example is trained, and how its quantities go together.

    runs → expected values (mean over seeds of the same labels) → pairs (x, y) → 15 bins of x → figures

The expectations of the paper's bounds are over training: so are the means here. Each x is scaled to [0, 1]
and cut into equal bins; an empty bin has no mean. Depends on `trials`, `aligned`, `stats`, pandas.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from memest.analysis.aligned import beside, unit
from memest.analysis.finding import ANALYSES, Cells, Finding, Section
from memest.analysis.runset import RunSet
from memest.analysis.trials import STANDARD, STUDY
from memest.errors import NoRunsError, SheetError
from memest.grammar.spec import Spec
from memest.grammar.values import Count
from memest.ids import Ids
from memest.metrics import Floats, pearson, spearman
from memest.reports import figures
from memest.reports.figures import Panel

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

CSL, LEARNING, CURVATURE, MEMORIZATION = "csl", "learning_time", "mean_curvature", "memorization"
DISTANCE = "final_adversarial_distance"
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
_GRADIENT = "input_gradient(norm=2)"
_UNITS = {
    CSL: "csl, nats summed over epochs",
    LEARNING: "learning time, share of epochs",
    CURVATURE: "mean curvature",
    DISTANCE: "adversarial distance, L2",
    MEMORIZATION: "memorization",
}
_SCORES = {LEARNING: "input_gradient", CURVATURE: "curvature"}
"""What is measured at every epoch, and from what."""
_READING = (
    "Every value is the mean over the runs of one set of labels, which differ in their seed. The binned "
    "quantity is scaled to [0, 1] by its least and greatest value; the number under each dot is that of the "
    "examples in its bin. Correlations are over examples, not over bins: means on a straight line say little "
    "where these are low, and the fullest bins carry them."
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

    expected, left_out, sources = [], [], {}
    standard = RunSet([run for run in runs if run.tags.get("protocol", STANDARD) == STANDARD])
    for _, same in standard.group_by(*STUDY, "fingerprint"):
        found, missing = _expected(same)
        left_out += missing
        if found is not None and reference:
            known, found = _beside(found, reference)
            sources[reference] = known
        expected += [found] if found is not None else []
    if not expected:
        raise NoRunsError(
            f"none of the {len(runs)} runs has csl; train with --scores 'logits, input_gradient', which "
            "is what learning time needs as well"
        )
    tables = [theory_table(one, bins) for one in expected]
    ids = ", ".join(run.id for one in expected for run in one.runs)
    return Finding(
        title="CSL, learning time and memorization",
        tables={"theory": pd.concat(tables, ignore_index=True)},
        sections=[
            _section(number, one, table)
            for number, (one, table) in enumerate(zip(expected, tables, strict=True))
        ],
        remark=" ".join([_READING, *left_out, f"Runs: {ids}."]),
        sources=sources,
    )


@dataclass(frozen=True)
class Expected:
    """Means over the runs of one set of labels, by example.

    Attributes:
        runs: they differ in their seed.
        ids: (N,), sorted.
        values: by quantity, (N,); NaN for an example of which the reference says nothing.
        changed: (N,), whose label a corruption changed.
        columns: by quantity, the summary it is the mean of.
    """

    runs: RunSet
    ids: NDArray[np.int64]
    values: Mapping[str, Floats]
    changed: NDArray[np.bool_]
    columns: Mapping[str, str]


def binned(x_N: Floats, y_N: Floats, bins: int) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Mean of y in equal bins of x, scaled to [0, 1].

    Returns:
        edges (bins + 1,); means (bins,), NaN in an empty bin; counts (bins,), which sum to N.
    """
    edges = np.linspace(0, 1, bins + 1)
    place_N = np.clip(np.searchsorted(edges, unit(x_N), side="right") - 1, 0, bins - 1)
    counts = np.bincount(place_N, minlength=bins)
    sums = np.bincount(place_N, weights=y_N, minlength=bins)
    return edges, np.divide(sums, counts, out=np.full(bins, np.nan), where=counts > 0), counts


def theory_table(one: Expected, bins: int) -> pd.DataFrame:
    """One row per pair of quantities and bin: ends, mean and count; and the correlations of the pair."""
    import pandas as pd

    rows = []
    for x, y in _pairs(one):
        known = np.isfinite(one.values[x]) & np.isfinite(one.values[y])
        x_N, y_N = one.values[x][known], one.values[y][known]
        edges, means, counts = binned(x_N, y_N, bins)
        straight, ranked = pearson(x_N, y_N), spearman(x_N, y_N)
        rows += [
            {
                **{axis: one.runs[0].tags.get(axis, "") for axis in (*STUDY, "fingerprint")},
                "runs": len(one.runs),
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


def _expected(runs: RunSet) -> tuple[Expected | None, list[str]]:
    """Means over runs that have CSL, of what all of these have; and in words what is missing where."""
    having, lines = [], []
    for run, names in zip(runs, runs.map(lambda run: run.summaries), strict=True):
        if CSL in names:
            having.append(run)
        else:
            lines.append(f"Run {run.id} is left out: it did not measure the loss.")
        lacking = [q for q in _SCORES if CSL in names and not _column(q, names)]
        if lacking:
            need = " and ".join(_SCORES[q] for q in lacking)
            lines.append(
                f"Run {run.id} lacks {need}, so that its labels have no {' and no '.join(lacking)} here; "
                "train with --scores 'logits, input_gradient, curvature'."
            )
    if not having:
        return None, lines
    apart = [run.id for run in having if not _column(DISTANCE, run.summaries)]
    if 0 < len(apart) < len(having):
        lines.append(
            f"{DISTANCE} is left out: not all runs of these labels have it; "
            f"memest score --epochs last --scores adversarial_distance --run {apart[0]}"
        )
    columns = {
        quantity: column
        for quantity in (CSL, LEARNING, CURVATURE, DISTANCE)
        if (column := _shared(quantity, [run.summaries for run in having]))
    }
    found = list(RunSet(having).joined(["changed", *columns.values()]))
    values = {
        quantity: np.mean([table[name] for table in found], axis=0) for quantity, name in columns.items()
    }
    ids, changed = found[0]["id"], found[0]["changed"].astype(bool)
    return Expected(RunSet(having), ids, values, changed, columns), lines


def _column(quantity: str, names: Sequence[str]) -> str:
    """The summary of this name with its default settings, else with any."""
    of = [name for name in names if "/" not in name and Spec.parse(name).name == quantity]
    return quantity if quantity in of else next(iter(of), "")


def _shared(quantity: str, each: Sequence[Sequence[str]]) -> str:
    return _column(quantity, [name for name in each[0] if all(name in names for names in each)])


def _beside(one: Expected, reference: str) -> tuple[str, Expected]:
    """With memorization by the reference, of the examples that it is about."""
    known, (pair,) = beside(RunSet(one.runs[:1]), reference)
    place = Ids(pair.run.summary["id"], f"run {pair.run.id}", SheetError).locate(one.ids)
    hardness = np.where(pair.apart, np.nan, pair.hardness)[place]
    values = {**one.values, MEMORIZATION: hardness}
    return known.sha256, replace(one, values=values)


def _section(number: int, one: Expected, table: pd.DataFrame) -> Section:
    tags = one.runs[0].tags
    count = len(one.runs)
    title = (
        f"{tags['dataset']}, {tags['corruption']}, {tags['model']}, {tags['epochs']} epochs, labels "
        f"{tags['fingerprint'][:8]}…, {count} run{'s' if count > 1 else ''}"
    )
    return Section(title, _cells(table), partial(_paint, number, one, table))


def _cells(table: pd.DataFrame) -> Cells:
    header = ["binned", "averaged", "examples", "bins filled", "Pearson", "Spearman"]
    rows = [
        [
            str(x),
            str(y),
            f"{part['count'].sum():,}",
            f"{(part['count'] > 0).sum()} of {len(part)}",
            f"{part.pearson.iloc[0]:.3f}",
            f"{part.spearman.iloc[0]:.3f}",
        ]
        for (x, y), part in table.groupby(["x", "y"], sort=False)
    ]
    return header, rows


def _paint(number: int, one: Expected, table: pd.DataFrame) -> dict[tuple[str, str], Figure]:
    panels, caption = _traced(one)
    painted = {(f"traces-{number}", caption): figures.traces(panels)} if panels else {}
    for quantity in one.values:
        known = np.isfinite(one.values[quantity])
        caption = f"how {quantity.replace('_', ' ')} is distributed"
        figure = figures.histogram(one.values[quantity][known], one.changed[known], _UNITS[quantity])
        painted[f"histogram-{quantity}-{number}", caption] = figure
    for (x, y), part in table.groupby(["x", "y"], sort=False):
        edges = np.append(part.low.to_numpy(), part.high.iloc[-1])
        label = f"{_UNITS[str(x)].partition(',')[0]}, scaled to [0, 1]"
        figure = figures.counted(
            edges, part["mean"].to_numpy(), part["count"].to_numpy(), label, _UNITS[str(y)]
        )
        painted[f"{x}-{y}-{number}", f"mean {y} in {len(part)} bins of {x}"] = figure
    return painted


def _traced(one: Expected) -> tuple[list[Panel], str]:
    """Panels of one run's loss and gradient for the example of the highest CSL and one of median CSL."""
    run = one.runs[0]
    order = np.argsort(one.values[CSL], kind="stable")
    chosen = {"memorized": int(one.ids[order[-1]]), "typical": int(one.ids[order[len(order) // 2]])}
    known = Ids(run.read(["id"])["id"], f"run {run.id}", SheetError)
    names = {f"{kind}, #{example}": int(known.locate([example])[0]) for kind, example in chosen.items()}

    def of(key: str, turn: Callable[[Floats], Floats]) -> dict[str, tuple[NDArray[Any], Floats]]:
        curves = {}
        for name, n in names.items():
            epochs, values = run.sheet.trace(key, slice(n, n + 1))
            curves[name] = epochs, turn(np.asarray(values[:, 0], np.float64))
        return curves

    panels: list[Panel] = []
    if "loss" in run.sheet.manifest.scores:
        panels.append(("loss, nats", of("loss", lambda values: values)))
    if _GRADIENT in run.sheet.manifest.scores:
        label = "running mean of ‖∇ₓ loss‖²"
        panels.append((label, of(_GRADIENT, _running)))
    return panels, f"run {run.id}: the example of highest csl, and one of median csl"


def _running(values_E: Floats) -> Floats:
    """The mean of squares so far, (E,), from the first epoch of training on; NaN for epoch 0."""
    trained = np.concatenate([[np.nan], np.cumsum(values_E[1:] ** 2) / np.arange(1, len(values_E))])
    return np.asarray(trained)
