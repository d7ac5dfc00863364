"""Pictures of the paper's theory: traces of single examples, distributions, and means in bins."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from memest.errors import SheetError
from memest.ids import Ids
from memest.metrics import Floats
from memest.paper.expected import CSL, CURVATURE, DISTANCE, LEARNING, MEMORIZATION, Expected
from memest.reports import figures
from memest.reports.figures import Panel
from memest.reports.sections import Picture

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_GRADIENT = "input_gradient(norm=2)"
_UNITS = {
    CSL: "csl, nats summed over epochs",
    LEARNING: "learning time, share of epochs",
    CURVATURE: "mean curvature",
    DISTANCE: "adversarial distance, L2",
    MEMORIZATION: "memorization",
}


def theory_pictures(number: int, one: Expected, table: pd.DataFrame) -> list[Picture]:
    """Traces of two examples, the distribution of each quantity, and the mean of each pair in bins.

    Args:
        number: of the group, in the names of the files.
        table: the rows of the group, from `theory_table`.
    """
    run = one.runs[0]
    measured = [key for key in ("loss", _GRADIENT) if key in run.sheet.manifest.scores]
    caption = f"run {run.id}: the example of highest csl, and one of median csl"
    traces = [Picture(f"traces-{number}", caption, partial(_traces, one, measured))] if measured else []
    distributions = [
        Picture(
            f"histogram-{quantity}-{number}",
            f"how {quantity.replace('_', ' ')} is distributed",
            partial(_distribution, one, quantity),
        )
        for quantity in one.values
    ]
    means = [
        Picture(
            f"{x}-{y}-{number}",
            f"mean {y} in {len(part)} bins of {x}",
            partial(_means, str(x), str(y), part),
        )
        for (x, y), part in table.groupby(["x", "y"], sort=False)
    ]
    return [*traces, *distributions, *means]


def _distribution(one: Expected, quantity: str) -> Figure:
    known = np.isfinite(one.values[quantity])
    return figures.histogram(one.values[quantity][known], one.changed[known], _UNITS[quantity])


def _means(x: str, y: str, part: pd.DataFrame) -> Figure:
    edges = np.append(part.low.to_numpy(), part.high.iloc[-1])
    label = f"{_UNITS[x].partition(',')[0]}, scaled to [0, 1]"
    return figures.counted(edges, part["mean"].to_numpy(), part["count"].to_numpy(), label, _UNITS[y])


def _traces(one: Expected, measured: list[str]) -> Figure:
    """Panels of one run's loss and gradient for the example of the highest CSL and one of median CSL."""
    run = one.runs[0]
    order = np.argsort(one.values[CSL], kind="stable")
    chosen = {"memorized": int(one.ids[order[-1]]), "typical": int(one.ids[order[len(order) // 2]])}
    known = Ids(run.read(["id"])["id"], f"run {run.id}", SheetError)
    places = known.locate(list(chosen.values())).tolist()
    names = [f"{kind}, #{example}" for kind, example in chosen.items()]

    def of(key: str, turn: Callable[[Floats], Floats]) -> dict[str, tuple[NDArray[np.int64], Floats]]:
        curves = {}
        for name, n in zip(names, places, strict=True):
            epochs, values = run.sheet.trace(key, slice(n, n + 1))
            curves[name] = epochs, turn(np.asarray(values[:, 0], np.float64))
        return curves

    panels: dict[str, Panel] = {}
    if "loss" in measured:
        panels["loss"] = "loss, nats", of("loss", lambda values: values)
    if _GRADIENT in measured:
        panels[_GRADIENT] = "running mean of ‖∇ₓ loss‖²", of(_GRADIENT, _running)
    return figures.traces(list(panels.values()))


def _running(values_E: Floats) -> Floats:
    """The mean of squares so far, (E,), from the first epoch of training on; NaN for epoch 0."""
    trained = np.concatenate([[np.nan], np.cumsum(values_E[1:] ** 2) / np.arange(1, len(values_E))])
    return np.asarray(trained)
