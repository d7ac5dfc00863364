"""Summaries of the loss: nats, added up over training or at its ends.

Sums run over the epochs that were measured: compare them only between traces of the same epochs. Axes: E
measured epochs, N examples.
"""

from __future__ import annotations

import numpy as np

from memest.grammar.values import Index, Positive
from memest.metrics import Floats
from memest.summaries.base import HIGHER, MissingTraceError, Trace, summary


@summary(
    needs="loss",
    harder=HIGHER,
    with_epoch_0=True,
    misleads="The first epochs of a network with batch norms, measured in evaluation mode, may outweigh all "
    "later ones: csl(start=5) leaves them out, csl(cap=…) bounds them.",
)
def csl(loss: Trace, *, start: Index = 1, cap: Positive | None = None) -> Floats:
    """Cumulative Sample Loss: Σₜ loss(wₜ) for t ≥ `start`, (N,) nats. Higher is harder.

    `start=0` adds the untouched network. With `cap` an epoch adds at most so many nats, so that a few
    epochs of huge losses do not drown the others. Source: Ravikumar et al. 2025, eq. 5, without a cap.

    Raises:
        MissingTraceError: nothing was measured at `start` or later.
    """
    counted = loss.since(start)
    if counted.epochs.size == 0:
        raise MissingTraceError(f"csl(start={start}): loss was last measured at epoch {loss.epochs[-1]}")
    if cap is None:
        return counted.total()
    return np.asarray(np.minimum(counted.values, cap).sum(axis=0, dtype=np.float64))


@summary(
    needs="loss",
    harder=HIGHER,
    with_epoch_0=True,
    misleads="An untouched network gives all examples about the same loss, so that a large drop means a "
    "small last loss: an example that was learned.",
)
def loss_drop(loss: Trace) -> Floats:
    """loss(w₀) − loss(w_E), (N,) nats: a baseline, what the bound on memorization by CSL telescopes to.

    Higher is harder as that bound reads: an example never learned has a drop near 0.
    Source: Ravikumar et al. 2025, appendix D.3.

    Raises:
        MissingTraceError: epoch 0, the untouched network, or any later one was not measured.
    """
    if loss.epochs[0] != 0 or loss.epochs.size == 1:
        raise MissingTraceError(
            "loss_drop needs the loss of the untouched network, epoch 0, and of a trained one; "
            f"it was measured at epochs {loss.epochs[0]} to {loss.epochs[-1]}"
        )
    return loss.first() - loss.last()


@summary(needs=("loss", "scalar/weight_norm"), harder=HIGHER)
def sgal(loss: Trace, weight_norm: Trace) -> Floats:
    """Σₜ loss(wₜ) for t ≤ T*, (N,) nats, T* the first epoch at which ‖wₜ‖ peaks. Higher is harder.

    Source: "Memorization Through the Lens of Sample Gradients", ICLR 2026.

    Raises:
        MissingTraceError: the loss was not measured up to the peak.
    """
    peak = int(weight_norm.epochs[np.argmax(weight_norm.values[:, 0])])
    counted = loss.until(peak)
    if counted.epochs.size == 0:
        raise MissingTraceError(
            f"sgal: weights peak at epoch {peak}, loss was first measured at {loss.epochs[0]}"
        )
    return counted.total()


@summary(
    needs="loss",
    harder=HIGHER,
    misleads="Once the network has memorized its training set, the loss is about as small for a wrong label.",
)
def final_loss(loss: Trace) -> Floats:
    """loss(w_E) at the last measured epoch, (N,) nats. Higher is harder."""
    return loss.last()
