"""Quantiles of the beta distribution, in plain floating point: what intervals of shares need of it."""

from __future__ import annotations

import math

_TINY = 1e-300


def beta_quantile(share: float, a: float, b: float) -> float:
    """The x below which `share` of Beta(a, b) lies, in (0, 1), to about ten digits.

    Newton's method on the logit of x, kept inside a shrinking bracket.

    Args:
        share: in (0, 1).
        a, b: the shape, above 0.
    """
    log_beta = math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
    low, high, place = -700.0, 700.0, math.log(a / b)
    for _ in range(200):
        log_x, log_y = -_softplus(-place), -_softplus(place)
        excess = _below(math.exp(log_x), math.exp(log_y), a, b, log_beta) - share
        low, high = (low, place) if excess > 0 else (place, high)
        slope = math.exp(a * log_x + b * log_y - log_beta)
        step = place - excess / slope if slope > 0 else math.inf
        ahead = step if low < step < high else (low + high) / 2
        if abs(ahead - place) < 1e-12 * max(1.0, abs(place)):
            break
        place = ahead
    return math.exp(-_softplus(-ahead))


def _below(x: float, y: float, a: float, b: float, log_beta: float) -> float:
    """The share of Beta(a, b) below x = 1 − y: its continued fraction, on the side where that is short."""
    if x * (a + b + 2) > a + 1:
        return 1 - _below(y, x, b, a, log_beta)
    if x == 0:
        return 0.0
    front = math.exp(a * math.log(x) + b * math.log(y) - log_beta) / a
    return front / _continued_fraction(x, a, b)


def _continued_fraction(x: float, a: float, b: float) -> float:
    """1 + d₁x/(1 + d₂x/(1 + …)) of the incomplete beta function, by Lentz's method.

    Source: Abramowitz & Stegun 1964, 26.5.8.
    """
    value, above, below = 1.0, 1.0, 0.0
    for number in range(1, 100_000):
        half = number // 2
        if number % 2:
            term = -(a + half) * (a + b + half) * x / ((a + 2 * half) * (a + 2 * half + 1))
        else:
            term = half * (b - half) * x / ((a + 2 * half - 1) * (a + 2 * half))
        below = 1 / (1 + term * below or _TINY)
        above = 1 + term / above or _TINY
        value *= above * below
        if abs(above * below - 1) < 1e-15:
            break
    return value


def _softplus(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))
