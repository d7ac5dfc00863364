"""Figures: each paints arrays that were computed elsewhere and gives a matplotlib figure.

One style for all; nothing here reads runs or measures anything. matplotlib is imported when a figure is
made, without pyplot, so no window or global state is touched.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

KEPT, CHANGED, ACCENT = "#4c72b0", "#dd5e4c", "#3b3b3b"
Panel = tuple[str, Mapping[str, tuple[NDArray[Any], NDArray[Any]]]]
"""What the values of a panel are, and by name the epochs and values of its lines."""
_SIZE = (7.2, 4.0)
_CELL, _IMAGE = (1.65, 2.05), 1.45
"""Inches of a cell of a gallery, and the longer side of its image; the caption stands in the rest."""
_WRITTEN = 16
"""Up to so many runs a matrix shows its values as text."""


def png(figure: Figure) -> bytes:
    """The figure as PNG bytes; equal figures give equal bytes."""
    return _rendered(figure, "png", {"Software": None})


def svg(figure: Figure) -> bytes:
    """The figure as SVG bytes, without a date."""
    return _rendered(figure, "svg", {"Date": None})


def histogram(values_N: NDArray[Any], changed_N: NDArray[np.bool_], label: str) -> Figure:
    """How a summary is distributed over kept and changed labels, each as a share of its own group."""
    figure, axes = blank()
    edges = np.histogram_bin_edges(values_N, bins=40)
    groups = ((~changed_N, KEPT, "label kept"), (changed_N, CHANGED, "label changed"))
    for group_N, colour, name in groups:
        if group_N.any():
            shares = np.histogram(values_N[group_N], edges)[0] / group_N.sum()
            text = f"{name} ({int(group_N.sum()):,})"
            axes.stairs(shares, edges, fill=True, alpha=0.55, color=colour, label=text)
    axes.set(xlabel=label, ylabel="share of the group")
    axes.legend(frameon=False)
    return figure


def depth_curves(curves: Mapping[str, NDArray[Any]], base_rate: float) -> Figure:
    """How far down the list it pays to look: precision among the k most suspicious, for every k.

    Args:
        curves: by method, (N,) precision at k = 1 … N.
        base_rate: the precision of looking at random.
    """
    figure, axes = blank()
    for number, (name, precision_N) in enumerate(curves.items()):
        depth = np.arange(1, len(precision_N) + 1)
        axes.plot(depth, precision_N, linewidth=1.5, color=f"C{number}", label=name)
    axes.axhline(base_rate, color=ACCENT, linewidth=0.8, linestyle=":", label="at random")
    axes.set(xscale="log", xlabel="labels looked at, most suspicious first", ylabel="share that was wrong")
    axes.set_ylim(0, 1.03)
    axes.legend(frameon=False, fontsize=8)
    return figure


def epoch_curves(curves: Mapping[str, tuple[NDArray[Any], NDArray[Any]]], label: str) -> Figure:
    """How a value goes with the epochs seen, one line per method.

    Args:
        curves: by method, epochs (T,) and values (T,).
        label: what the value is.
    """
    figure, axes = blank()
    for number, (name, (epochs_T, values_T)) in enumerate(curves.items()):
        axes.plot(epochs_T, values_T, linewidth=1.5, color=f"C{number % 10}", label=name)
    if min(float(np.min(values_T)) for _, values_T in curves.values()) < 0.6:
        axes.axhline(0.5, color=ACCENT, linewidth=0.8, linestyle=":")
    axes.set(xlabel="epochs seen", ylabel=label)
    axes.legend(frameon=False, fontsize=8)
    return figure


def binned(edges: NDArray[Any], lines: Mapping[str, NDArray[Any]], label: str, height: str) -> Figure:
    """A mean per bin for each of several names, at the middle of the bin; a bin without one is a gap.

    Args:
        edges: (B + 1,) of the bins.
        lines: by name, (B,) means, NaN for a gap.
        label: what the bins are of.
        height: what the means are of.
    """
    figure, axes = blank()
    middle = (edges[1:] + edges[:-1]) / 2
    for number, (name, mean_B) in enumerate(lines.items()):
        axes.plot(middle, mean_B, "o-", markersize=3.5, linewidth=1.5, color=f"C{number}", label=name)
    axes.set(xlabel=label, ylabel=height)
    axes.set_xlim(edges[0], edges[-1])
    axes.legend(frameon=False, fontsize=8)
    return figure


def gallery(
    images: NDArray[np.uint8], captions: Sequence[str], marked: Sequence[bool], columns: int = 5
) -> Figure:
    """Images in rows with a caption each; a marked one gets a coloured frame.

    Args:
        images: (M, H, W, C) uint8.
        captions: M of them, a few short lines each.
        marked: M of them.
        columns: images in a row.
    """
    from matplotlib.figure import Figure

    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    size = (_CELL[0] * columns, _CELL[1] * rows)
    figure = Figure(figsize=size)
    axes = figure.add_axes((0, 0, 1, 1))  # one for all: one for each image takes three times as long
    axes.set_axis_off()
    for place, (image, caption, mark) in enumerate(zip(images, captions, marked, strict=True)):
        row, column = divmod(place, columns)
        _picture(axes, _CELL[0] * (column + 0.5), _CELL[1] * (rows - 1 - row) + 0.05, image, caption, mark)
    axes.set(xlim=(0, size[0]), ylim=(0, size[1]))
    return figure


def _picture(
    axes: Axes, middle: float, bottom: float, image: NDArray[np.uint8], caption: str, mark: bool
) -> None:
    """An image with its frame, and its caption above; places are in inches."""
    from matplotlib.patches import Rectangle

    height, width = (_IMAGE * side / max(image.shape[:2]) for side in image.shape[:2])
    left, top = middle - width / 2, bottom + height
    grey = image.shape[2] == 1
    axes.imshow(
        image.squeeze(2) if grey else image,
        cmap="gray_r" if grey else None,
        extent=(left, left + width, bottom, top),
        interpolation="nearest",
    )
    frame, line = (CHANGED, 2.2) if mark else ("#bbbbbb", 0.8)
    axes.add_patch(Rectangle((left, bottom), width, height, fill=False, edgecolor=frame, linewidth=line))
    colour = CHANGED if mark else ACCENT
    axes.text(middle, top + 0.05, caption, fontsize=7.5, color=colour, ha="center", va="bottom")


def matrix(values_RR: NDArray[Any], names: Sequence[str], label: str) -> Figure:
    """A square of agreements between R runs, each with its value where there is room.

    Args:
        values_RR: (R, R), at most 1.
        names: R of them.
        label: what the values are.
    """
    from matplotlib.figure import Figure

    count = len(names)
    side = 2.4 + 0.42 * max(count, 4)
    figure = Figure(figsize=(side + 1.2, side), layout="constrained")
    axes = figure.subplots()
    low = min(0.0, float(values_RR.min()))
    image = axes.imshow(values_RR, cmap="viridis", vmin=low, vmax=1)
    axes.set_xticks(range(count), names, rotation=90, fontsize=7.5)
    axes.set_yticks(range(count), names, fontsize=7.5)
    for (row, column), value in np.ndenumerate(values_RR) if count <= _WRITTEN else ():
        colour = "white" if value < (1 + low) / 2 else "black"
        axes.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=6.5, color=colour)
    figure.colorbar(image, ax=axes, shrink=0.75, label=label)
    return figure


def lines(
    curves: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    xlabel: str,
    ylabel: str,
    base: float | None = None,
) -> Figure:
    """One line with dots per name; values from 0 to 1.

    Args:
        curves: by name, the places and the values.
        base: what chance gives.
    """
    from matplotlib.ticker import MaxNLocator

    figure, axes = blank()
    for number, (name, (places, values)) in enumerate(curves.items()):
        axes.plot(places, values, "o-", linewidth=1.5, markersize=4, color=f"C{number}", label=name)
    if base is not None:
        axes.axhline(base, color=ACCENT, linewidth=0.8, linestyle=":", label="at random")
    axes.set(xlabel=xlabel, ylabel=ylabel)
    axes.set_ylim(0, 1.03)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False, fontsize=8)
    return figure


def counted(
    edges: NDArray[Any], means_B: NDArray[Any], counts_B: NDArray[Any], xlabel: str, ylabel: str
) -> Figure:
    """A mean per bin, the number of its examples below; a dot grows with that number, an empty bin has none.

    Args:
        edges: (B + 1,) of the bins.
        means_B: (B,), NaN where a bin is empty.
        counts_B: (B,) examples.
    """
    figure, axes = blank()
    middle, full = (edges[1:] + edges[:-1]) / 2, counts_B > 0
    axes.plot(middle[full], means_B[full], color=KEPT, linewidth=1, alpha=0.5)
    sizes = 18 + 90 * np.sqrt(counts_B[full] / counts_B.max())
    axes.scatter(middle[full], means_B[full], s=sizes, color=KEPT, zorder=3)
    low, high = axes.get_ylim()
    axes.set(xlabel=xlabel, ylabel=ylabel, ylim=(low - 0.12 * (high - low), high))
    for place, count in zip(middle, counts_B, strict=True):
        text = f"{count / 1000:.0f}k" if count >= 10_000 else f"{count:,}"
        axes.text(place, low - 0.09 * (high - low), text, ha="center", fontsize=6.5, color=ACCENT)
    axes.set_xlim(edges[0], edges[-1])
    return figure


def traces(panels: Sequence[Panel]) -> Figure:
    """Panels side by side over epochs, the same names in each."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3.9 * len(panels), 3.4), layout="constrained")
    for axes, (label, curves) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        for (name, (epochs, values)), colour in zip(curves.items(), (CHANGED, KEPT), strict=False):
            axes.plot(epochs, values, linewidth=1.5, color=colour, label=name)
        axes.set(xlabel="epoch", ylabel=label)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, fontsize=8)
    return figure


def blank(height: float = _SIZE[1]) -> tuple[Figure, Axes]:
    """A figure of so many inches, and its axes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_SIZE[0], height), layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _rendered(figure: Figure, kind: str, metadata: dict[str, None]) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format=kind, dpi=150, metadata=metadata)
    return buffer.getvalue()
