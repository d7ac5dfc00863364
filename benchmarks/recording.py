"""What recording costs in a loop: epochs with it against epochs without, in turns, by both clocks.

Wall time is held against the bar; processor time stands beside it, since a busy machine moves it less.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from benchmarks.rows import Row, at_most, compared, publish
from benchmarks.timing import Ratio, alternate
from memest.grammar.once import OnceParser

WARM_UP = 2


class Clocked:
    """Seconds of an epoch; `processor` keeps those of all cores of this process."""

    def __init__(self, epoch: Callable[[], Any]) -> None:
        self._epoch = epoch
        self.processor: list[float] = []

    def __call__(self) -> float:
        began, processor = time.perf_counter(), time.process_time()
        self._epoch()
        self.processor.append(time.process_time() - processor)
        return time.perf_counter() - began


def options_of(text: str | None, **more: tuple[Any, str]) -> argparse.Namespace:
    """Options of a benchmark of a loop: pairs, device, and others with a default and what they are."""
    parser = OnceParser(text)
    parser.add_argument("--pairs", type=int, default=20, help="pairs of epochs")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    for name, (default, what) in more.items():
        parser.add_argument(f"--{name}", type=type(default), default=default, help=what)
    return parser.parse_args()


def compare(
    name: str,
    loop: str,
    epochs: Callable[[bool], Callable[[], Any]],
    bar: float,
    options: argparse.Namespace,
    upper: float = 0.0,
    **settings: Any,
) -> None:
    """Measure, print the rows, write the JSON.

    Args:
        name: of the results.
        loop: what is compared, in words.
        epochs: makes a function that trains an epoch more, recorded or not.
        bar: of the median ratio.
        options: as `options_of` gives them.
        upper: a bar of the upper end of its interval; 0: none.
        settings: of the network and the data.
    """
    plain, recorded = Clocked(epochs(False)), Clocked(epochs(True))
    alternate(plain, recorded, WARM_UP)
    wall = alternate(plain, recorded, options.pairs)
    processor = Ratio(*(np.array(side.processor[WARM_UP:]) for side in (plain, recorded)))
    row = compared(f"{loop} with the Recorder / without", wall)
    rows = [at_most(bar, row), compared(f"{row.what}, processor time", processor)]
    if upper:
        rows.insert(1, at_most(upper, Row(f"{row.what}, upper 95 %", wall.interval()[1])))
    pairs = {"wall": wall.report(), "processor": processor.report()}
    publish(
        name, torch.device(options.device), rows, settings=settings | {"pairs": options.pairs}, pairs=pairs
    )
