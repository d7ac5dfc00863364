"""Suspicion, (N,), higher = more suspicious: what ranks examples, and how well that works."""

from memest.detect.detectors import (
    DETECTORS,
    RANKED,
    ProtocolEvidence,
    detector,
    direction,
    rank,
    short,
    slug,
    suspicion,
    suspicions,
)
from memest.detect.evaluate import Detection, detect, judge
from memest.detect.evaluation import Evaluation, evaluate, evaluate_table, evaluation_of, judged

__all__ = [
    "DETECTORS",
    "RANKED",
    "Detection",
    "Evaluation",
    "ProtocolEvidence",
    "detect",
    "detector",
    "direction",
    "evaluate",
    "evaluate_table",
    "evaluation_of",
    "judge",
    "judged",
    "rank",
    "short",
    "slug",
    "suspicion",
    "suspicions",
]
