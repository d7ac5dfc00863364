"""How two ways of doing one thing are compared in time: in turns, in one process, as a ratio.

Whatever slows a shared machine for a while slows both, so the ratio of neighbours holds where seconds
do not. Axes: P pairs.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

_ENOUGH = 9

Timed = Callable[[], float]
"""Does the work once and returns the seconds it took."""


@dataclass(frozen=True)
class Ratio:
    """Seconds of both sides, (P,) each, in the order they were taken."""

    plain: NDArray[np.float64]
    measured: NDArray[np.float64]

    @property
    def ratios(self) -> NDArray[np.float64]:
        """Measured over plain, pair by pair."""
        return self.measured / self.plain

    @property
    def median(self) -> float:
        """The median ratio."""
        return float(np.median(self.ratios))

    @property
    def spread(self) -> str:
        """What `interval` is: too few pairs have no bootstrap interval worth the name."""
        return "95 %" if len(self.ratios) >= _ENOUGH else "range"

    def interval(self, share: float = 0.95, draws: int = 10_000, seed: int = 0) -> tuple[float, float]:
        """Percentile interval of the median ratio, by bootstrap over the pairs; of few, least and most."""
        if len(self.ratios) < _ENOUGH:
            return float(self.ratios.min()), float(self.ratios.max())
        rng = np.random.default_rng(seed)
        count = len(self.ratios)
        medians = np.median(self.ratios[rng.integers(0, count, (draws, count))], axis=1)
        low, high = np.quantile(medians, [(1 - share) / 2, (1 + share) / 2])
        return float(low), float(high)

    def report(self) -> dict[str, Any]:
        """The figures, ready for JSON."""
        low, high = self.interval()
        return {
            "pairs": len(self.ratios),
            "ratio": self.median,
            "ratio_95": [low, high],
            "plain_seconds": float(np.median(self.plain)),
            "measured_seconds": float(np.median(self.measured)),
            "ratios": self.ratios.round(4).tolist(),
        }


def alternate(plain: Timed, measured: Timed, pairs: int) -> Ratio:
    """Time both in turns; who goes first changes from pair to pair, so that neither is always second."""
    seconds = np.empty((pairs, 2))
    for pair in range(pairs):
        first_is_plain = pair % 2 == 0
        for side in (0, 1) if first_is_plain else (1, 0):
            seconds[pair, side] = (plain, measured)[side]()
    return Ratio(seconds[:, 0], seconds[:, 1])


def machine(device: torch.device) -> dict[str, Any]:
    """What figures depend on: processor, cores, threads, versions; nothing that names the machine."""
    facts: dict[str, Any] = {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "device": device.type,
    }
    return facts | ({"gpu": torch.cuda.get_device_name(device)} if device.type == "cuda" else {})


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
