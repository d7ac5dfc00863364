"""How labels are ranked: one suspicion for each example, from both kinds of evidence.

The mean of two ranks: that of the margin out of sample, and that of the loss summed over training (CSL). Each
finds errors that the other misses, and ranks need no common scale. Axes: N examples.
"""

from __future__ import annotations

import numpy as np

from memest.audit.evidence import Evidence, log_margin
from memest.audit.findings import Floats, Integers
from memest.metrics import midranks


def suspicion(evidence: Evidence) -> Floats:
    """How suspicious the labels are that were trained on, (N,), in (0, 1], higher = more.

    Probabilities that are not out of sample are left out: networks agree with labels they were trained on.
    """
    seen = _shares(evidence.csl)
    if not evidence.unseen:
        return seen
    return (_shares(-log_margin(evidence.probabilities, evidence.labels)) + seen) / 2


def of_other_labels(
    evidence: Evidence, suspicion_N: Floats, places_n: Integers, labels_n: Integers
) -> Floats:
    """The suspicion of labels that were not trained on, (n,), from networks that never saw the example.

    They stand where their margin would stand among the margins of all: the loss in training speaks of other
    labels and is left out.

    Args:
        evidence: of all examples.
        suspicion_N: of the labels that were trained on.
        places_n: positions of the examples.
        labels_n: what each of them is to be judged by.
    """
    margins_N = np.sort(-log_margin(evidence.probabilities, evidence.labels))
    margins_n = -log_margin(evidence.probabilities[places_n], labels_n)
    places = np.searchsorted(margins_N, margins_n, side="right").clip(max=len(margins_N) - 1)
    return np.asarray(np.sort(suspicion_N)[places])


def _shares(values_N: Floats) -> Floats:
    """Ranks in (0, 1], ties sharing theirs."""
    return np.asarray(midranks(values_N) / len(values_N), np.float64)
