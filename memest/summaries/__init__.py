"""All epochs of a score become one value per example: (E, N) → (N,). One file per family.

Importing it registers every summary.
"""

from memest.summaries import gradient, learning, loss
from memest.summaries.base import (
    HIGHER,
    LOWER,
    SUMMARIES,
    MissingTraceError,
    Trace,
    Traces,
    default_summaries,
    direction,
    needs_of,
    summarise,
    summary,
    suspicion,
)
from memest.summaries.choose import against_others, summarise_all

__all__ = [
    "HIGHER",
    "LOWER",
    "SUMMARIES",
    "MissingTraceError",
    "Trace",
    "Traces",
    "against_others",
    "default_summaries",
    "direction",
    "gradient",
    "learning",
    "loss",
    "needs_of",
    "summarise",
    "summarise_all",
    "summary",
    "suspicion",
]
