"""Summaries of the loss around an example: its gradient and curvature, and the way out of the class.

Gradients are those of the example's own loss, nats per unit of the normalised input. Means and shares run
over the epochs that were measured. Axes: E measured epochs, N examples.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from memest.grammar.values import Count, Positive
from memest.metrics import Floats
from memest.summaries.base import HIGHER, LOWER, Trace, first_epoch, summary


@summary(needs="input_gradient(norm=2)", harder=HIGHER)
def csg(gradient: Trace) -> Floats:
    """Cumulative Sample Gradient: Σₜ ‖∇ₓ loss(wₜ)‖₂², (N,). Higher is harder.

    Source: "Memorization Through the Lens of Sample Gradients", ICLR 2026.
    """
    return Trace(gradient.epochs, gradient.values**2).total()


@summary(needs="input_gradient(norm={norm})", harder=HIGHER)
def loss_sensitivity(gradient: Trace, *, norm: Literal[1, 2] = 1) -> Floats:
    """Mean over t of ‖∇ₓ loss(wₜ)‖ in that norm, (N,). Higher is harder. Source: Arpit et al. 2017."""
    return gradient.mean()


@summary(needs="curvature(step={step}, probes={probes}, power={power}, method={method})", harder=HIGHER)
def mean_curvature(
    curvature: Trace,
    *,
    step: Positive = 1e-3,
    probes: Count = 10,
    power: Literal[1, 2] = 1,
    method: Literal["difference", "hvp"] = "difference",
) -> Floats:
    """Mean over t of the input-loss curvature, (N,). Higher is harder. Source: Garg et al. 2024."""
    return curvature.mean()


@summary(needs="adversarial_distance(steps={steps})", harder=LOWER)
def final_adversarial_distance(distance: Trace, *, steps: Count = 5) -> Floats:
    """Distance to the nearest input of another class at the last measured epoch, (N,). Lower is harder.

    Source: Ravikumar et al. 2025, figure 9.
    """
    return distance.last()


def mean_running_mean(gradient: Trace, *, power: Literal[1, 2] = 2) -> Floats:
    """Mean over t of M_t, the running mean of ‖∇ₓ loss‖₂^power, (N,): τ is its mean over examples."""
    return np.asarray(_running_mean(gradient.values**power).mean(axis=0))


@summary(needs="input_gradient(norm=2)", harder=HIGHER, pooled={"tau": mean_running_mean})
def learning_time(gradient: Trace, *, power: Literal[1, 2] = 2, tau: Positive | None = None) -> Floats:
    """The share of t at which M_t, the running mean of ‖∇ₓ loss‖₂^power, is at least τ: (N,) in [0, 1].

    Higher is harder: learned later. Without `tau`, τ is the mean of M_t over t and examples (eq. 17), so
    an example's value depends on the others. Power 2 is the paper's, 1 its released code's.
    Source: Ravikumar et al. 2025, eq. 6.
    """
    running_EN = _running_mean(gradient.values**power)
    late_EN = running_EN >= (running_EN.mean() if tau is None else tau)
    return np.asarray(np.count_nonzero(late_EN, axis=0) / len(late_EN))


@summary(needs="input_gradient(norm=2)", harder=HIGHER, pooled={"tau": mean_running_mean})
def first_crossing(gradient: Trace, *, tau: Positive | None = None) -> Floats:
    """The first epoch at which the running mean of ‖∇ₓ loss‖₂² is at most τ, (N,); never = last + 1.

    Higher is harder. τ as in `learning_time`. To the letter of its definition, and can therefore be the
    first epoch for nearly all: gradients may start small and grow. Source: Ravikumar et al. 2025, eq. 7.
    """
    running_EN = _running_mean(gradient.values**2)
    return first_epoch(running_EN <= (running_EN.mean() if tau is None else tau), gradient.epochs)


def _running_mean(values_EN: NDArray[np.floating[Any]]) -> Floats:
    counts_E = np.arange(1, len(values_EN) + 1)
    return np.cumsum(values_EN, axis=0, dtype=np.float64) / counts_E[:, None]
