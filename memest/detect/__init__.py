"""Suspicion, (N,), higher = more suspicious: what ranks examples, and how well that works.

Depends on numpy, the ground floor and `summaries`.
"""

from memest.detect.detectors import (
    DETECTORS,
    Evidence,
    detector,
    rank,
    slug,
    suspicion,
    suspicions,
)
from memest.detect.evaluate import Detection, detect

__all__ = [
    "DETECTORS",
    "Detection",
    "Evidence",
    "detect",
    "detector",
    "rank",
    "slug",
    "suspicion",
    "suspicions",
]
