"""Traces of a few examples over epochs, random or made by hand."""

from __future__ import annotations

import numpy as np

from memest.summaries import (
    Trace,
)

EVERY = np.arange(13)  # epoch 0, the untouched network, and 12 epochs of training
FIFTH = np.arange(0, 31, 5)


def key_of(need):
    """`input_gradient` of `seen/input_gradient(norm=2)`."""
    return need.removeprefix("seen/").split("(")[0]


def random_values(need, epochs, examples=6, seed=0):
    """Plausible values of a score, (E, N), drawn by its name; a per-epoch scalar is (E, 1)."""
    rng = np.random.default_rng([seed, *need.encode()])
    name = key_of(need)
    if name.startswith("scalar/"):
        return rng.uniform(1, 2, (len(epochs), 1))
    shape = (len(epochs), examples)
    if name == "correct":
        return rng.integers(0, 2, shape).astype(np.float32)
    if name in ("confidence", "peak"):
        return rng.uniform(0, 1, shape).astype(np.float32)
    return (rng.normal(0, 3, shape) if name == "margin" else rng.gamma(2, 1, shape)).astype(np.float32)


def random_traces(epochs=EVERY, change=lambda need, values: values, **settings):
    """A source of traces with random values, each changed by `change(need, values)`."""
    return lambda need: Trace(epochs, change(need, random_values(need, epochs, **settings)))


def only(**scores):
    """A source of traces given in full, by score name, as {name: (epochs, values)}."""
    return lambda need: Trace(np.array(scores[key_of(need)][0]), np.array(scores[key_of(need)][1]))
