"""Statistics of rankings: how well scores find positives, how sure that is, and how alike two vectors are."""

from memest.metrics.correlation import cosine, midranks, pearson, spearman
from memest.metrics.detection import Comparison, Estimate, bootstrap, compare
from memest.metrics.ranking import Ranking, auroc, covariance
from memest.metrics.vectors import Bools, Floats

__all__ = [
    "Bools",
    "Comparison",
    "Estimate",
    "Floats",
    "Ranking",
    "auroc",
    "bootstrap",
    "compare",
    "cosine",
    "covariance",
    "midranks",
    "pearson",
    "spearman",
]
