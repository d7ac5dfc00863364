"""Two small sets with wrong labels planted in them: digits, and texts that are installed anyway.

Axes: N examples, D inputs of each.
"""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from importlib import import_module

import numpy as np
from numpy.typing import NDArray

SHARE = 0.05
"""Of the labels that are changed."""
MODULES = {
    "numpy": ("numpy", "numpy.linalg", "numpy.fft", "numpy.ma"),
    "scipy": ("scipy.stats", "scipy.signal", "scipy.special", "scipy.optimize"),
    "torch": ("torch", "torch.nn", "torch.nn.functional", "torch.distributions"),
}
WORDS, LENGTH = 2000, 48
"""Numbers that words are hashed to, and words of a text that a transformer reads."""


@dataclass(frozen=True, eq=False)
class Planted:
    """A set with planted errors.

    Attributes:
        inputs: (N, D) float32.
        words: (N, L) int64, the first words of a text, 0 after its end; None of images.
        labels: (N,) int64, those that are trained on.
        changed: (N,) bool.
    """

    inputs: NDArray[np.float32]
    words: NDArray[np.int64] | None
    labels: NDArray[np.int64]
    changed: NDArray[np.bool_]

    @property
    def classes(self) -> int:
        """How many."""
        return int(self.labels.max()) + 1


def digits(seed: int) -> Planted:
    """1,797 digits of 8 × 8 pixels, in [0, 1]."""
    from sklearn.datasets import load_digits

    found = load_digits()
    return Planted(found.data.astype(np.float32) / 16, None, *_planted(found.target, seed))


def docstrings(seed: int) -> Planted:
    """Docstrings of numpy, scipy and torch; the label is the library."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    found = {
        text: label
        for label, library in enumerate(MODULES)
        for module in MODULES[library]
        for thing in vars(import_module(module)).values()
        if callable(thing) and len(text := inspect.getdoc(thing) or "") > 100
    }
    inputs = TfidfVectorizer(max_features=WORDS).fit_transform(found).toarray().astype(np.float32)
    numbers: dict[str, int] = {}
    words = np.zeros((len(found), LENGTH), np.int64)
    for row, text in zip(words, found, strict=True):
        first = re.findall(r"\w+", text.lower())[:LENGTH]
        row[: len(first)] = [1 + numbers.setdefault(word, len(numbers)) % (WORDS - 1) for word in first]
    return Planted(inputs, words, *_planted(np.array(list(found.values())), seed))


SETS = {"digits": digits, "docstrings": docstrings}


def _planted(labels: NDArray[np.int64], seed: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Labels of which a share is another class, drawn from all others, and which these are."""
    rng, classes = np.random.default_rng(seed), int(labels.max()) + 1
    chosen = rng.choice(len(labels), round(SHARE * len(labels)), replace=False)
    changed = np.isin(np.arange(len(labels)), chosen)
    other = (labels + rng.integers(1, classes, len(labels))) % classes
    return np.where(changed, other, labels).astype(np.int64), changed
