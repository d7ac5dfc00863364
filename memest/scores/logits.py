"""Scores from logits: one forward pass serves them all.

Each takes logits (B, K) and labels (B,) and returns (B,) float32. p is the softmax of the logits.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from memest.scores.base import HIGHER, LOWER, logit_score


@logit_score(unit="nats", harder=HIGHER)
def loss(logits_BK: Tensor, labels_B: Tensor) -> Tensor:
    """Cross-entropy −log p(label): the term that CSL accumulates (Ravikumar et al. 2025, eq. 5)."""
    return functional.cross_entropy(logits_BK, labels_B, reduction="none")


@logit_score(unit="0 or 1", harder=LOWER)
def correct(logits_BK: Tensor, labels_B: Tensor) -> Tensor:
    """1 where the largest logit is the label's (the first of equals), else 0."""
    return (logits_BK.argmax(1) == labels_B).float()


@logit_score(unit="probability", harder=LOWER)
def confidence(logits_BK: Tensor, labels_B: Tensor) -> Tensor:
    """p(label)."""
    return _of_label(logits_BK.softmax(1), labels_B)


@logit_score(unit="probability", harder=LOWER, labelled=False)
def peak(logits_BK: Tensor, labels_B: Tensor) -> Tensor:
    """max p, whatever the label."""
    return logits_BK.softmax(1).amax(1)


@logit_score(unit="logits", harder=LOWER)
def margin(logits_BK: Tensor, labels_B: Tensor) -> Tensor:
    """The label's logit minus the largest other logit (Pleiss et al. 2020): negative when wrong."""
    others = logits_BK.scatter(1, labels_B[:, None], -torch.inf)
    return _of_label(logits_BK, labels_B) - others.amax(1)


@logit_score(unit="nats", harder=HIGHER, labelled=False)
def entropy(logits_BK: Tensor, labels_B: Tensor) -> Tensor:
    """−Σ p log p, whatever the label."""
    log_p = logits_BK.log_softmax(1)
    return -(log_p.exp() * log_p).sum(1)


@logit_score(unit="probability", harder=HIGHER)
def el2n(logits_BK: Tensor, labels_B: Tensor) -> Tensor:
    """‖p − onehot(label)‖₂ (Paul et al. 2021)."""
    p = logits_BK.softmax(1)
    error = p - functional.one_hot(labels_B, p.shape[1])
    length: Tensor = torch.linalg.vector_norm(error, dim=1)
    return length


def _of_label(values_BK: Tensor, labels_B: Tensor) -> Tensor:
    return values_BK.gather(1, labels_B[:, None]).squeeze(1)
