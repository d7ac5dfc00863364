"""Suspicion, (N,), higher = more suspicious: what ranks examples, and how well that works.

Depends on numpy, the ground floor and `summaries`.
"""

from memest.detect.detectors import rank
from memest.detect.evaluate import Detection, detect, judge

__all__ = ["Detection", "detect", "judge", "rank"]
