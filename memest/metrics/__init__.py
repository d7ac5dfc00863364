"""Statistics of rankings: how well scores find positives, and how alike two vectors are."""

from memest.metrics.detection import *  # noqa: F403
