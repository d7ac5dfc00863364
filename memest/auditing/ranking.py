"""How labels are ranked: one suspicion for each example, from both kinds of evidence.

The weighted mean of three ranks, which need no common scale:

    2/5   probability of the label out of sample      low where the image fits no class well
    1/5   margin out of sample                        low where another class fits better
    2/5   margin in the second half of training       low where the label had to be memorized

Each finds errors that the others miss, and none is best everywhere: see docs/audit.md. Axes: N examples.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from memest.auditing.evidence import Evidence, log_margin, of_label
from memest.auditing.findings import Floats, Integers
from memest.metrics import midranks


def label_suspicion(evidence: Evidence) -> Floats:
    """How suspicious the labels are that were trained on, (N,), in (0, 1], higher = more.

    Probabilities that are not out of sample are left out: networks agree with labels they were trained on.
    """
    seen = _shares(evidence.late)
    return (3 * _unseen(evidence, evidence.labels) + 2 * seen) / 5 if evidence.unseen else seen


def of_other_labels(
    evidence: Evidence, suspicion_N: Floats, places_n: NDArray[np.intp], labels_n: Integers
) -> Floats:
    """The suspicion of labels that were not trained on, (n,), from networks that never saw the example.

    They stand where their evidence out of sample would stand among that of all: what was seen in training
    speaks of other labels and is left out.

    Args:
        evidence: of all examples.
        suspicion_N: of the labels that were trained on.
        places_n: positions of the examples.
        labels_n: what each of them is to be judged by.
    """
    labels_N = evidence.labels.copy()
    labels_N[places_n] = labels_n
    asked_n = _unseen(evidence, labels_N)[places_n]
    places = np.searchsorted(np.sort(_unseen(evidence, evidence.labels)), asked_n)
    return np.asarray(np.sort(suspicion_N)[places.clip(max=len(suspicion_N) - 1)])


def _unseen(evidence: Evidence, labels_N: Integers) -> Floats:
    """The mean of both ranks out of sample, that of the probability counted twice, (N,)."""
    probabilities = evidence.probabilities
    fits = of_label(probabilities, labels_N), log_margin(probabilities, labels_N)
    return (2 * _shares(-fits[0]) + _shares(-fits[1])) / 3


def _shares(values_N: Floats) -> Floats:
    """Ranks in (0, 1], ties sharing theirs."""
    return np.asarray(midranks(values_N) / len(values_N), np.float64)
