"""Sums of losses over epochs, and how well each of them finds what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memest.metrics import auroc

EPOCHS = 20
"""Of the runs on digits."""
FAR = 0.005
"""A loss of AUROC that counts."""
ANEW = "csl, statistics anew"
Losses = NDArray[np.float64]
"""Losses of every example, (E, N)."""


@dataclass(frozen=True)
class Traces:
    """The losses of one run, (E, N) each, epochs 1 … E, and which labels are wrong, (N,)."""

    clean: Losses
    seen: Losses
    anew: Losses
    changed: NDArray[np.bool_]


def _sum(values: Losses) -> NDArray[np.float64]:
    return np.asarray(values.sum(0))


WAYS: Mapping[str, Callable[[Traces], NDArray[np.float64]]] = {
    "csl": lambda t: _sum(t.clean),
    "csl(start=5)": lambda t: _sum(t.clean[4:]),
    "csl(cap=10)": lambda t: _sum(np.minimum(t.clean, 10)),
    "csl(cap=5)": lambda t: _sum(np.minimum(t.clean, 5)),
    "csl(cap=3)": lambda t: _sum(np.minimum(t.clean, 3)),
    "1 − mean_confidence": lambda t: 1 - np.exp(-t.clean).mean(0),
    ANEW: lambda t: _sum(t.anew),
    "seen/csl": lambda t: _sum(t.seen),
}
"""Sums that are compared, by name: suspicion (N,) of the traces of a run."""


def judged(traces: Traces) -> dict[str, Any]:
    """AUROC of each way, and how much of the clean sum comes from the epoch that adds most."""
    by_epoch = traces.clean.mean(1)
    return {
        "auroc": {way: auroc(values(traces), traces.changed) for way, values in WAYS.items()},
        "heaviest_epoch": int(by_epoch.argmax()) + 1,
        "heaviest_share": float(by_epoch.max() / by_epoch.sum()),
        "largest_mean_loss": float(by_epoch.max()),
        "seen_then": float(traces.seen.mean(1)[by_epoch.argmax()]),
        "anew_then": float(traces.anew.mean(1)[by_epoch.argmax()]),
    }


def shares(found: list[dict[str, Any]]) -> dict[str, float]:
    """By way, the share of runs in which it finds clearly less than `seen/csl`."""
    return {
        way: float(np.mean([one["auroc"]["seen/csl"] - one["auroc"][way] > FAR for one in found]))
        for way in WAYS
        if way != "seen/csl"
    }
