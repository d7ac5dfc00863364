"""What is the matter with each example, by plain rules, and the reason in words. Axes: N examples, K classes.

wrong       its label is wrong with a probability of at least a half
ambiguous   networks that never saw it give its label and another class at least .35 each; at most a tenth of
            the examples, those first to which both are most equal
rare        networks that never saw it prefer another class, and those trained on it have to memorize it:
            its loss over training is among the highest tenth
fine        all others
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memest.auditing.evidence import Evidence, of_label
from memest.auditing.findings import Floats, Integers

WRONG = 0.5
"""Probability of being wrong from which a label is called so."""
PLAUSIBLE = 0.35
"""Probability out of sample from which a class fits an image. It calls 1 to 7 % of the labels of digits,
Fashion-MNIST and CIFAR-100 ambiguous; .25 would call up to a third so."""
MOST = 0.1
"""Share of the examples that may be called ambiguous: networks that know little find nearly all so."""
HARD = 0.9
"""Share of examples whose loss over training must be lower for one to be called rare."""


def kinds(
    evidence: Evidence, labels_N: Integers, suggested_N: Integers, probability_N: Floats
) -> NDArray[np.str_]:
    """The kind of each example, (N,): see `findings.Kind`; duplicates are found elsewhere.

    Args:
        evidence: of the labels that were trained on.
        labels_N: the given ones.
        suggested_N: the most probable other class.
        probability_N: that the given label is wrong.
    """
    own, other = (of_label(evidence.probabilities, labels) for labels in (labels_N, suggested_N))
    hard = evidence.csl >= np.quantile(evidence.csl, HARD)
    kind = np.full(len(labels_N), "fine", "<U9")
    kind[hard & (own < other)] = "rare"
    kind[_even(own, other)] = "ambiguous"
    kind[probability_N >= WRONG] = "wrong"
    return kind


def _even(own_N: Floats, other_N: Floats) -> Integers:
    """The positions of examples that two classes fit, the most equal first, at most a tenth of all."""
    both = np.flatnonzero((own_N >= PLAUSIBLE) & (other_N >= PLAUSIBLE))
    order = np.argsort(np.abs(own_N - other_N)[both], kind="stable")
    return np.asarray(both[order][: int(MOST * len(own_N))])


def reasons(
    evidence: Evidence,
    classes: Sequence[str],
    labels_N: Integers,
    suggested_N: Integers,
    kind_N: NDArray[np.str_],
) -> tuple[str, ...]:
    """Why each example is of its kind, in words; empty where it is fine."""
    own, other = (of_label(evidence.probabilities, labels) for labels in (labels_N, suggested_N))
    who = "the network that never saw it" if evidence.unseen else "the networks trained on it"
    judged_by = labels_N == evidence.labels
    lasting = _lasting(evidence)

    def reason(n: int) -> str:
        given, suggested = classes[labels_N[n]], classes[suggested_N[n]]
        if kind_N[n] == "fine":
            return ""
        says = f"{who} says {suggested}, {_two(other[n])}, and {given}, {_two(own[n])}"
        if kind_N[n] == "ambiguous":
            return f"{says}: both fit"
        lasted = f"; {lasting[n]}" if judged_by[n] and lasting[n] else ""
        return says + ("" if kind_N[n] == "wrong" else ": unlike others of its class") + lasted

    return tuple(reason(n) for n in range(len(labels_N)))


def _lasting(evidence: Evidence) -> list[str]:
    """What its loss did while it was trained on, in words, N."""
    if not len(evidence.epochs):
        return [""] * len(evidence.labels)
    chance = np.log(max(2, evidence.probabilities.shape[1]))
    last = evidence.losses[-max(1, len(evidence.epochs) // 5) :].mean(0)
    learned = evidence.losses < np.log(2)  # its label has more than half of the probability
    first = np.where(learned.any(0), evidence.epochs[learned.argmax(0)], 0)
    return [
        "its loss stayed high to the end"
        if end > min(1.0, chance) or not epoch
        else f"it was learned at epoch {epoch} of {evidence.epochs[-1]}"
        for end, epoch in zip(last.tolist(), first.tolist(), strict=True)
    ]


def _two(value: Any) -> str:
    """A probability as people write it: .97."""
    return f"{min(float(value), 0.99):.2f}".removeprefix("0")
