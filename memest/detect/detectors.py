"""Detectors: what a protocol leaves of the examples becomes suspicion, (N,), higher = more suspicious.

    @detector(protocol="k_fold")
    def confident_learning(evidence): …

Every summary is a detector too, turned the right way round: see `suspicion`. A detector's own values are
suspicion as they are. Axes: E epochs, N examples, C classes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from memest import summaries
from memest.grammar.registry import Registry
from memest.grammar.spec import Spec
from memest.metrics import Floats
from memest.summaries import HIGHER, SUMMARIES, MissingTraceError, Trace

Detector: TypeAlias = Callable[..., Floats]
D = TypeVar("D", bound=Detector)

DETECTORS: Registry[Detector] = Registry("detector", "memest.detectors")
RANKED = ("seen/csl", "csl")
"""The summaries that rank a list of suspicious labels, the first there is (docs/robust_sums.md)."""
_PROTOCOLS: dict[str, str] = {}
Quality = Literal["self_confidence", "normalized_margin", "confidence_weighted_entropy"]


@dataclass(frozen=True, eq=False)
class ProtocolEvidence:
    """What the parts of a protocol left, over all examples together.

    Attributes:
        labels: (N,) int64, those trained on.
        correct: whether the network was right, (E, N), over all stages of training; None: not measured.
        epochs: how many a stage of training has.
        probabilities: (N, C), of the last epoch of each example's network.
    """

    labels: NDArray[np.int64]
    correct: Trace | None
    epochs: int
    probabilities: NDArray[np.floating[Any]]

    @property
    def second_stage(self) -> Trace:
        """Whether the network was right in the second stage, its epochs counted from 1."""
        if self.correct is None:
            raise MissingTraceError("second splits need the score correct; train with --scores logits")
        later = self.correct.since(self.epochs + 1)
        return Trace(later.epochs - self.epochs, later.values)


def detector(*, protocol: str) -> Callable[[D], D]:
    """Register the decorated function as a detector of the protocol called `protocol`."""

    def register(function: D) -> D:
        DETECTORS.register(function)
        _PROTOCOLS[function.__name__] = protocol
        return function

    return register


@detector(protocol="k_fold")
def confident_learning(evidence: ProtocolEvidence, *, quality: Quality = "self_confidence") -> Floats:
    """1 − cleanlab's label quality, from out-of-sample probabilities (Northcutt et al. 2021)."""
    from cleanlab.rank import get_label_quality_scores

    scores = get_label_quality_scores(evidence.labels, evidence.probabilities, method=quality)
    return 1 - np.asarray(scores, np.float64)


@detector(protocol="k_fold")
def confident_learning_truncated(evidence: ProtocolEvidence) -> Floats:
    """Rank among the labels that cleanlab flags, in (0, 1], the least confident 1; 0 for all others, most.

    Flagged is what counts off the diagonal of the confident joint, `filter_by="confident_learning"`. This is
    how the released reference of CSL uses confident learning.
    """
    from cleanlab.filter import find_label_issues

    flagged = find_label_issues(
        evidence.labels,
        evidence.probabilities,
        filter_by="confident_learning",
        return_indices_ranked_by="self_confidence",
        n_jobs=1,
    )
    ranks = np.zeros(len(evidence.labels))
    ranks[flagged] = np.arange(len(flagged), 0, -1) / max(len(flagged), 1)
    return ranks


@detector(protocol="second_split")
def second_split_forgetting(evidence: ProtocolEvidence) -> Floats:
    """Minus the first epoch of the second stage from which an example is wrong to the end; never: E + 1.

    Source: Maini et al. 2022. Examples forgotten at the same epoch tie.
    """
    later = evidence.second_stage
    wrong_EN = later.values < 0.5
    lasting_EN = np.logical_and.accumulate(wrong_EN[::-1])[::-1]
    first_N = np.where(lasting_EN.any(0), later.epochs[lasting_EN.argmax(0)], later.epochs[-1] + 1)
    return np.asarray(-first_N, np.float64)


@detector(protocol="second_split")
def second_split_mean_correct(evidence: ProtocolEvidence) -> Floats:
    """1 − the share of second-stage epochs at which an example is right: what the released reference uses."""
    return np.asarray(1 - evidence.second_stage.mean())


def suspicions(protocol: str, evidence: ProtocolEvidence) -> dict[str, Floats]:
    """What every detector of a protocol says, (N,) by name.

    Args:
        protocol: a name or spec, such as `k_fold(folds=5)`.
        evidence: what its parts left.
    """
    name = Spec.parse(protocol).name
    return {found: DETECTORS[found](evidence) for found in DETECTORS if _PROTOCOLS[found] == name}


def suspicion(name: str, values_N: ArrayLike) -> Floats:
    """The values of a summary or detector, turned so that higher is more suspicious, (N,) float64.

    Raises:
        InputError: no such summary or detector, or a setting it does not have.
    """
    if _is_detector(name):
        return np.asarray(values_N, np.float64)
    return summaries.suspicion(name, values_N)


def direction(name: str) -> Literal[1, -1]:
    """Which way is harder, `HIGHER` or `LOWER`: as the summary declares; higher, for a detector."""
    return HIGHER if _is_detector(name) else summaries.direction(name)


def slug(name: str) -> str:
    """The name of a summary or detector as MLflow takes it."""
    return _parsed(name).slug()


def short(name: str) -> str:
    """The name of a summary or detector as people read it: without the keywords at their defaults."""
    return _parsed(name).short()


def _is_detector(name: str) -> bool:
    return name.partition("(")[0] in DETECTORS


def _parsed(name: str) -> Spec:
    return (DETECTORS if _is_detector(name) else SUMMARIES).parse(name)


def rank(name: str, values_N: ArrayLike) -> NDArray[np.integer[Any]]:
    """Positions of the examples from the most suspicious down, (N,); tied examples stay in their order.

    Args:
        name: the summary or detector that the values are of, such as `aum`.
        values_N: its values, (N,).

    Raises:
        InputError: no such summary or detector, or a setting it does not have.
    """
    return np.argsort(-suspicion(name, values_N), kind="stable")
