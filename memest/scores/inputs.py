"""Scores from gradients with respect to the input.

Each takes a `LocalLoss` and returns (B,) float32. Gradients are those of the example's own loss, no batch
mean. Kernels of another batch size may round otherwise, which a rectifier's kink can magnify to several
percent: `Scorer` scores in micro-batches of one size, so that its values do not depend on the batches.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from memest.grammar.values import Count, Positive
from memest.scores.base import HIGHER, LocalLoss, input_score


@input_score(unit="nats per input", harder=HIGHER)
def input_gradient(local: LocalLoss, *, norm: Literal[1, 2] = 2) -> Tensor:
    """‖∇ₓ loss‖ in the 1- or 2-norm, x being the normalised input (Ravikumar et al. 2025, eq. 6)."""
    size: Tensor = torch.linalg.vector_norm(local.gradient.flatten(1), ord=norm, dim=1)
    return size


@input_score(unit="nats per input²", harder=HIGHER)
def curvature(
    local: LocalLoss,
    *,
    step: Positive = 1e-3,
    probes: Count = 10,
    power: Literal[1, 2] = 1,
    method: Literal["difference", "hvp"] = "difference",
) -> Tensor:
    """Mean over probes v of (‖∇ₓ loss(x + step·v) − ∇ₓ loss(x)‖₂ / step)^power.

    v is uniform in {−1, +1}ᵈ, so about ‖Hv‖ with H the Hessian of the loss at x; with power 2 its
    expectation is Tr(H²) (Garg, Ravikumar & Roy 2024). Divided by the step and free of the batch mean,
    unlike the released code of that paper.

    With method `hvp` it is ‖Hv‖ itself, by differentiating twice, and the step is not used. For networks of
    rectifiers the two are different quantities, and rank examples differently: the difference also sees the
    kinks that lie within the step, H at the point does not. The paper's is the difference.
    """
    total = local.gradient.new_zeros(len(local.labels))
    for number in range(probes):
        probe = local.probe(number)
        if method == "hvp":
            change = local.hessian_times(probe)
        else:
            change = (local.gradient_at(local.images + step * probe) - local.gradient) / step
        total += torch.linalg.vector_norm(change.flatten(1), dim=1) ** power
    return total / probes
