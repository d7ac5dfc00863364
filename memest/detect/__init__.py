"""Suspicion, (N,), higher = more suspicious: what ranks examples, and how well that works.

Depends on numpy, the ground floor and `summaries`.
"""

from memest.detect.detectors import (
    DETECTORS,
    Evidence,
    detector,
    direction,
    rank,
    short,
    slug,
    suspicion,
    suspicions,
)
from memest.detect.evaluate import Detection, detect, judge

__all__ = [
    "DETECTORS",
    "Detection",
    "Evidence",
    "detect",
    "detector",
    "direction",
    "judge",
    "rank",
    "short",
    "slug",
    "suspicion",
    "suspicions",
]
