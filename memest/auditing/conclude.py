"""From evidence to findings: ranked, calibrated on the planted errors, each with its kind and reason."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from memest.auditing.calibration import calibrate, reliability_of
from memest.auditing.evidence import Evidence, other_class
from memest.auditing.findings import Audited, Findings, Floats, Integers, Planted, WrongShare
from memest.auditing.kinds import kinds, reasons
from memest.auditing.noise_model import wrong_by_noise
from memest.auditing.ranking import label_suspicion, of_other_labels
from memest.auditing.wrong_share import Share, wrong_share
from memest.ids import Ids

JUDGEMENT = 4
"""Raised when the same data and networks are judged otherwise, their copies and what correcting them brings
included: finished audits are then no longer taken for done."""
WIDEST = 0.12
"""The share of wrong labels is not told where its 90 % interval is as wide as this."""


def conclude(
    audited: Audited, evidence: Evidence, how: str = "", choice: Mapping[str, str] | None = None
) -> Findings:
    """What the evidence says about the given labels.

    Where another label than the given was trained on, it was planted: the example is then judged by its given
    label, and by networks that never saw it alone.

    Args:
        audited: the data set.
        evidence: of the same examples, in any order.
        how: how errors were planted, in words.
        choice: what was chosen, as words by name.
    """
    evidence = evidence.of(Ids(audited.ids, "the data set").align(Ids(evidence.ids, "the evidence")))
    planted = evidence.labels != audited.labels
    trained = label_suspicion(evidence)
    given = trained.copy()
    places = np.flatnonzero(planted)
    given[places] = of_other_labels(evidence, trained, places, audited.labels[places])
    suggested = other_class(evidence.probabilities, audited.labels)
    probability, share = _probability(evidence, trained, given, planted)
    kind = kinds(evidence, audited.labels, suggested, probability)
    return Findings(
        **vars(audited),
        suggested=suggested,
        probability=probability,
        rank=_ranks(given),
        kind=kind,
        why=reasons(evidence, audited.classes, audited.labels, suggested, kind),
        estimate=_estimate(evidence, share, int(planted.sum())),
        planted=_planted(trained, planted, how) if planted.any() else None,
        reliability=reliability_of(trained, planted, share.value) if planted.any() else None,
        epochs=evidence.epochs,
        losses=evidence.losses,
        choice=choice or {},
        probabilities=evidence.probabilities.astype(np.float32),
    )


def _probability(
    evidence: Evidence, trained_N: Floats, given_N: Floats, planted_N: NDArray[np.bool_]
) -> tuple[Floats, Share]:
    """The probability that each given label is wrong, (N,), and the share of wrong ones."""
    if not planted_N.any():
        return wrong_by_noise(evidence)
    share = wrong_share(trained_N, planted_N)
    return calibrate(trained_N, planted_N, share.value).of(given_N), share


def _estimate(evidence: Evidence, share: Share, planted: int) -> WrongShare:
    """The guess, or why there is none: the shares that fit are too many."""
    unknown = ""
    if share.high - share.low >= WIDEST:
        agree = float((evidence.probabilities.argmax(1) == evidence.labels).mean())
        seen = "that they never saw" if evidence.unseen else "that they were trained on"
        errors = "errors planted on purpose hardly stand out" if planted else "no errors were planted"
        unknown = (
            f"the networks agree with {agree:.0%} of the labels of images {seen}, and {errors}: "
            f"anything from {share.low:.1%} to {share.high:.1%} fits"
        )
    return WrongShare(share.value, share.low, share.high, 0, unknown)


def _planted(trained_N: Floats, planted_N: NDArray[np.bool_], how: str) -> Planted:
    found = np.cumsum(planted_N[np.argsort(-trained_N, kind="stable")])
    return Planted(int(planted_N.sum()), found.astype(np.int64), how)


def _ranks(suspicion_N: Floats) -> Integers:
    """From 1, the most suspicious first, ties in their order, (N,)."""
    ranks = np.empty(len(suspicion_N), np.int64)
    ranks[np.argsort(-suspicion_N, kind="stable")] = np.arange(1, len(suspicion_N) + 1)
    return ranks
