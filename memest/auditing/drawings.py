"""The report's drawings as coordinates: the curve of planted errors, the reliability of probabilities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from memest.auditing.findings import Planted, Reliability

WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 440, 260, 48, 12, 428, 220
"""Of a drawing, and of the field inside its axes; in SVG units."""
_POINTS = 160


@dataclass(frozen=True)
class Tick:
    """A number beside an axis: where, and what it says."""

    at: float
    text: str


@dataclass(frozen=True)
class Drawing:
    """What a template draws.

    Attributes:
        line: points of the curve, as SVG writes them.
        by_chance: points of the line to compare with.
        dots: centre and radius, in SVG units, and what stands for it in words.
        across, up: numbers of the axes.
        x, y: what the axes show.
    """

    line: str
    by_chance: str
    dots: tuple[tuple[float, float, float, str], ...]
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]
    x: str
    y: str


def planted_curve(planted: Planted, errors: int) -> Drawing:
    """The share of the planted errors among the first k, for k up to three times the number of errors."""
    last = min(len(planted.found), max(3 * errors, 10))
    ks = np.unique(np.linspace(1, last, _POINTS).astype(int))
    shares = planted.found[ks - 1] / planted.count
    points = [(_across(k / last), _up(s)) for k, s in zip(ks.tolist(), shares.tolist(), strict=True)]
    chance = [(_across(0), _up(0)), (_across(1), _up(last / len(planted.found)))]
    steps = [round(last * part) for part in (0, 0.25, 0.5, 0.75, 1)]
    return Drawing(
        _points([(_across(0), _up(0)), *points]),
        _points(chance),
        (),
        tuple(Tick(_across(k / last), f"{k:,}") for k in steps),
        _shares_up(),
        "labels looked at, from the top of the list",
        "planted errors found",
    )


def reliability_diagram(reliability: Reliability) -> Drawing:
    """The probability that was said and the share that was wrong; a dot's area is its number of labels."""
    counts = reliability.count / max(1, reliability.count.max(initial=1))
    rows = zip(
        reliability.said.tolist(),
        reliability.observed.tolist(),
        np.sqrt(counts).tolist(),
        reliability.count.tolist(),
        strict=True,
    )
    dots = tuple(
        (
            _across(said),
            _up(observed),
            round(3 + 7 * size, 1),
            f"said {said:.2f}, {observed:.2f} of {count:,}",
        )
        for said, observed, size, count in rows
        if count
    )
    return Drawing(
        _points([(x, y) for x, y, _, _ in dots]),
        _points([(_across(0), _up(0)), (_across(1), _up(1))]),
        dots,
        tuple(Tick(_across(part), f"{100 * part:.0f} %") for part in (0, 0.25, 0.5, 0.75, 1)),
        _shares_up(),
        "said to be wrong with probability",
        "share that was wrong",
    )


def _shares_up() -> tuple[Tick, ...]:
    return tuple(Tick(_up(part), f"{100 * part:.0f} %") for part in (0, 0.5, 1))


def _across(part: float) -> float:
    return round(LEFT + (RIGHT - LEFT) * part, 1)


def _up(part: float) -> float:
    return round(BOTTOM - (BOTTOM - TOP) * part, 1)


def _points(points: list[tuple[float, float]]) -> str:
    return " ".join(f"{x:g},{y:g}" for x, y in points)
