"""Summaries of how an example is learned: correctness, confidence, margin and error vector over training.

Each reads what the network says at the measured epochs; "consecutive" means consecutive measurements.
Axes: E measured epochs, N examples.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from memest.grammar.values import Count
from memest.metrics import Floats
from memest.summaries.base import HIGHER, LOWER, MissingTraceError, Trace, first_epoch, summary


@summary(needs="correct", harder=HIGHER)
def first_learned(correct: Trace) -> Floats:
    """The first epoch at which the example is classified correctly, (N,); never = last + 1. Higher is harder.

    Source: the threshold learning time of Ravikumar et al. 2025, not divided by the number of epochs.
    """
    return first_epoch(correct.values > 0.5, correct.epochs)


@summary(
    needs="correct",
    harder=HIGHER,
    misleads="A wrong label that is learned late and kept has nothing to be forgotten.",
)
def forgetting_count(correct: Trace, *, never: Literal["last", "raw"] = "last") -> Floats:
    """How often the example goes from correct to wrong between consecutive epochs, (N,). Higher is harder.

    An example never learned cannot be forgotten: with `never=last` it gets E + 1, above every possible
    count; with `never=raw` it keeps its 0. Source: Toneva et al. 2019, who count presentations in
    training: `seen/forgetting_count`.
    """
    correct_EN = correct.values > 0.5
    forgotten_N = np.count_nonzero(correct_EN[:-1] & ~correct_EN[1:], axis=0)
    if never == "last":
        forgotten_N = np.where(correct_EN.any(axis=0), forgotten_N, len(correct_EN) + 1)
    return np.asarray(forgotten_N, dtype=np.float64)


@summary(needs="correct", harder=LOWER)
def mean_correct(correct: Trace) -> Floats:
    """The share of epochs at which the example is classified correctly, (N,) in [0, 1]. Lower is harder.

    Source: Swayamdipta et al. 2020, "correctness" of data maps.
    """
    return correct.mean()


@summary(needs="margin", harder=LOWER)
def aum(margin: Trace) -> Floats:
    """Area under the margin: mean over t of the label's logit − the largest other logit, (N,).

    Lower is harder. Source: Pleiss et al. 2020.
    """
    return margin.mean()


@summary(needs="confidence", harder=LOWER)
def mean_confidence(confidence: Trace) -> Floats:
    """Mean over t of p(label), (N,) in [0, 1]. Lower is harder. Source: Swayamdipta et al. 2020."""
    return confidence.mean()


@summary(
    needs="confidence",
    harder=HIGHER,
    misleads="It means ambiguous rather than wrong: a wrong label that is never learned keeps a low "
    "confidence, which hardly varies.",
)
def variability(confidence: Trace) -> Floats:
    """Standard deviation over t of p(label), divided by E, not E − 1: (N,) in [0, 0.5]. Higher is harder.

    Higher is ambiguous rather than wrong: an example never learned varies little.
    Source: Swayamdipta et al. 2020.
    """
    spread_N: Floats = confidence.values.std(axis=0)
    return spread_N


@summary(needs="el2n", harder=HIGHER)
def mean_el2n(el2n: Trace, *, epochs: Count = 20) -> Floats:
    """Mean of ‖p − onehot‖₂ over the measured epochs 1…`epochs`, (N,) in [0, √2]. Higher is harder.

    Source: Paul et al. 2021, who average over networks early in training.

    Raises:
        MissingTraceError: nothing was measured in these epochs.
    """
    early = el2n.until(epochs)
    if early.epochs.size == 0:
        raise MissingTraceError(
            f"mean_el2n(epochs={epochs}): el2n was first measured at epoch {el2n.epochs[0]}"
        )
    return early.mean()


@summary(
    needs="confidence",
    harder=HIGHER,
    misleads="Once the network has memorized its training set, it is as sure of a wrong label.",
)
def in_confidence(confidence: Trace) -> Floats:
    """1 − p(label) at the last measured epoch, (N,) in [0, 1]. Higher is harder.

    Source: Carlini et al. 2019, as Ravikumar et al. 2025 define it.
    """
    return 1 - confidence.last()


@summary(
    needs="peak",
    harder=HIGHER,
    misleads="It does not look at the label: a network that is sure of another class finds nothing wrong.",
)
def in_peak(peak: Trace) -> Floats:
    """1 − max p at the last measured epoch, (N,) in [0, 1], whatever the label. Higher is harder.

    Source: the released code of Ravikumar et al. 2025, in place of `in_confidence`.
    """
    return 1 - peak.last()
