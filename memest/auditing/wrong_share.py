"""The share of wrong labels before any review: what planted errors can say of it, as a distribution.

Planted errors show how suspicious wrong labels are; which of the other labels are right, nobody knows. The
model: on some scale the suspicion of right labels is normal, that of wrong ones normal too, further up by a
separation and wider or narrower; a share ρ of the labels that were not planted is wrong, and these stand as
far up as planted ones, or not quite as far: people confuse what networks confuse. For every share,
separation, width and distance it says how many of the labels of each stretch of the list are planted, and
the counts say which of them fit. Where networks tell wrong labels from right ones, few shares fit. Where
they hardly do, many fit, and the distribution stays as wide as before. Axes: N labels, B stretches of the
list, R shares, G of separation, width and distance together, T points of the scale.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from memest.auditing.findings import Floats, Integers

SHARES = 0.6 * np.linspace(0.02, 1, 80) ** 2
"""(R,) those that are weighed."""
BEFORE = 15.0
"""The density of a share before anything is known is (1 − share)^(BEFORE − 1): a fifteenth on average."""
_SEPARATIONS = np.linspace(0, 6, 31)
_WIDTHS = (0.7, 0.85, 1.0, 1.2, 1.5, 2.0)
_DISTANCES = (0.7, 0.85, 1.0)
"""How far up real errors stand, as shares of how far planted ones do."""
_SCALE = np.ascontiguousarray(np.linspace(-7, 16, 300)[::-1])
"""(T,) from the most suspicious on."""
_EDGES = (0.002, 0.005, 0.01, 0.015, 0.02, 0.03, 0.04, 0.06, 0.08, 0.11, 0.15, 0.2, 0.27, 0.35, 0.5, 0.7, 1)
"""Where stretches of the list end, as shares of it."""


@dataclass(frozen=True)
class Share:
    """A share that is known as a distribution.

    Attributes:
        value: its mean.
        low: it is above this with a probability of .95.
        high: it is below this with a probability of .95.
    """

    value: float
    low: float
    high: float


def weighed(fit_R: Floats) -> Share:
    """The share of wrong labels, from the log likelihood of each of `SHARES`."""
    weight_R = np.exp(fit_R - fit_R.max()) * (1 - SHARES) ** (BEFORE - 1) * np.gradient(SHARES)
    weight_R /= weight_R.sum()
    low, high = np.interp((0.05, 0.95), weight_R.cumsum(), SHARES)
    return Share(float(weight_R @ SHARES), float(low), float(high))


def wrong_share(suspicion_N: Floats, planted_N: NDArray[np.bool_]) -> Share:
    """The share of wrong labels among those that were not planted.

    Args:
        suspicion_N: of the labels that were trained on.
        planted_N: which of them were planted; at least one is, and one is not.
    """
    ends_B, planted_B = _stretches(suspicion_N, planted_N)
    rate = float(planted_N.mean())
    fits = [
        _fit(share, rate, ends_B / len(suspicion_N), planted_B, np.diff(ends_B, prepend=0))
        for share in SHARES
    ]
    return weighed(np.array(fits))


def _stretches(suspicion_N: Floats, planted_N: NDArray[np.bool_]) -> tuple[Integers, Integers]:
    """Where the stretches of the list end, and how many planted errors each of them holds, (B,)."""
    ends_B = np.unique([round(edge * len(suspicion_N)) for edge in _EDGES])
    ends_B = ends_B[ends_B > 0]
    found_N = np.cumsum(planted_N[np.argsort(-suspicion_N, kind="stable")])
    return ends_B, np.diff(found_N[ends_B - 1], prepend=0)


def _fit(share: float, rate: float, ends_B: Floats, planted_B: Integers, sizes_B: Integers) -> float:
    """The log likelihood of a share, the likelihoods of all separations, widths and distances added up."""
    from scipy.special import logsumexp

    right_T, planted_GT, real_GT = _tails()
    all_GT = rate * planted_GT + (1 - rate) * (share * real_GT + (1 - share) * right_T)
    tails = zip(all_GT, planted_GT, strict=True)
    above_GB = np.stack([np.interp(ends_B, all_T, planted_T) for all_T, planted_T in tails])
    found_GB = np.diff(above_GB, axis=1, prepend=0)
    rate_GB = (rate * found_GB / np.diff(ends_B, prepend=0)).clip(1e-9, 1 - 1e-9)
    fit_GB = planted_B * np.log(rate_GB) + (sizes_B - planted_B) * np.log1p(-rate_GB)
    return float(logsumexp(fit_GB.sum(1)))


@lru_cache(maxsize=1)
def _tails() -> tuple[Floats, Floats, Floats]:
    """The shares of right labels, (T,), planted and real errors, (G, T), more suspicious than each point."""
    from scipy.special import ndtr

    cases = [*itertools.product(_SEPARATIONS, _WIDTHS, _DISTANCES)]
    planted = [(_SCALE - separation) / width for separation, width, _ in cases]
    real = [(_SCALE - distance * separation) / width for separation, width, distance in cases]
    return ndtr(-_SCALE), ndtr(-np.stack(planted)), ndtr(-np.stack(real))
