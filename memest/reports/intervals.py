"""The figure of values with an interval for each seed, on an axis that adapts to where they lie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from memest.reports.figures import ACCENT, KEPT, blank

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Bar = tuple[float, float, float]
"""A value, and the ends of its interval."""
_TOLD_APART = 8
"""Up to so many seeds have a colour each."""
_NEAR_ONE, _GRAIN = 0.95, 1e-4
"""Above this median an axis is stretched towards 1, down to differences of this size."""
_TICKS = (1, 0.9, 0.99, 0.999, 0.5, 0, 0.8, 0.95, 0.995, 0.98)
"""On the stretched axis, the most wanted first: one that has no room beside those before it is left out."""
_ROOM = 0.09
"""Of the axis, that a tick needs for its text."""


def intervals(
    rows: Sequence[tuple[str, Mapping[str, Bar]]],
    label: str,
    published: Mapping[str, float] | None = None,
) -> Figure:
    """One line per method, one dot with its interval for each seed, best on top.

    Where most values lie near 1 the axis is stretched there: .9, .99 and .999 are as far apart.

    Args:
        rows: method and, by seed, its (value, low, high), best first.
        label: what the value is.
        published: by method, the paper's value, shown as a diamond.
    """
    figure, axes = blank(height=0.9 + 0.3 * len(rows))
    seeds = list(dict.fromkeys(seed for _, bars in rows for seed in bars))
    colours = {seed: KEPT if len(seeds) > _TOLD_APART else f"C{place}" for place, seed in enumerate(seeds)}
    places = {name: len(rows) - 1 - number for number, (name, _) in enumerate(rows)}
    for name, bars in rows:
        for number, (seed, (value, low, high)) in enumerate(bars.items()):
            height = places[name] + 0.22 * (number - (len(bars) - 1) / 2)
            axes.plot([low, high], [height, height], color=colours[seed], alpha=0.5, linewidth=1.2)
            axes.plot(value, height, "o", color=colours[seed], markersize=3.5)
    theirs = {name: value for name, value in (published or {}).items() if name in places}
    heights = [places[name] for name in theirs]
    axes.plot(list(theirs.values()), heights, "D", color=ACCENT, markersize=4, alpha=0.8)
    marks = [*colours.items()] if 1 < len(seeds) <= _TOLD_APART else []
    marks += [("published", ACCENT)] if theirs else []
    for name, colour in marks:
        axes.plot([], [], "D" if name == "published" else "o", color=colour, markersize=4, label=name)
    if marks:
        axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    values = [value for _, bars in rows for value, _, _ in bars.values()]
    lowest = min([*theirs.values(), *(low for _, bars in rows for _, low, _ in bars.values())])
    _toward_one(axes, values, lowest)
    axes.set(xlabel=label, yticks=range(len(rows)), yticklabels=[name for name, _ in reversed(rows)])
    axes.set_ylim(-0.7, len(rows) - 0.3)
    axes.grid(axis="x", linewidth=0.4, alpha=0.5)
    return figure


def _toward_one(axes: Axes, values: Sequence[float], lowest: float) -> None:
    """Limit the axis to what there is; stretch it near 1 where most values are; mark chance."""
    if np.median(values) > _NEAR_ONE:
        axes.set_xscale("function", functions=(_stretched, _unstretched))
        ticks = _with_room([tick for tick in _TICKS if tick >= lowest], lowest)
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.minorticks_off()
        axes.set_xlim(_unstretched(_stretched(lowest) - 0.1), 1 + _GRAIN / 4)
    if lowest <= 0.5:
        axes.axvline(0.5, color=ACCENT, linewidth=0.8, linestyle=":")


def _with_room(wanted: Sequence[float], lowest: float) -> list[float]:
    """Those ticks that can be read beside one another."""
    whole = _stretched(1) - _stretched(lowest)
    ticks: list[float] = []
    for tick in wanted:
        if all(abs(_stretched(tick) - _stretched(other)) > _ROOM * whole for other in ticks):
            ticks.append(tick)
    return ticks


def _stretched(values: Any) -> Any:
    return -np.log10(np.maximum(1 + _GRAIN - np.asarray(values), _GRAIN / 2))


def _unstretched(places: Any) -> Any:
    return 1 + _GRAIN - 10.0 ** -np.asarray(places)
