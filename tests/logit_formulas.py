"""Scores from logits as their formulas, in float64. Axes: B examples, K classes."""

from __future__ import annotations

from typing import Any

import numpy as np


def softmax(z: Any) -> Any:
    """(B, K) → (B, K) in float64."""
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def log_sum_exp(z: Any) -> Any:
    """(B, K) → (B,) in float64."""
    return z.max(1) + np.log(np.exp(z - z.max(1, keepdims=True)).sum(1))


def margin(z: Any, y: Any) -> Any:
    """The label's logit minus the largest other one, one example at a time."""
    return [row[label] - max(np.delete(row, label)) for row, label in zip(z, y, strict=True)]


def of_label(values: Any, y: Any) -> Any:
    """The column of each row's label."""
    return values[np.arange(len(y)), y]


WITNESS = {
    "loss": lambda z, y: log_sum_exp(z) - of_label(z, y),
    "correct": lambda z, y: [float(list(row).index(max(row)) == k) for row, k in zip(z, y, strict=True)],
    "confidence": lambda z, y: of_label(softmax(z), y),
    "peak": lambda z, y: softmax(z).max(1),
    "margin": margin,
    "entropy": lambda z, y: log_sum_exp(z) - (softmax(z) * z).sum(1),
    "el2n": lambda z, y: np.sqrt(((softmax(z) - np.eye(z.shape[1])[y]) ** 2).sum(1)),
}
