"""Queries, run sets, tables, figures and reports over finished runs."""

from memest.analysis import cross_architecture as cross_architecture
from memest.analysis import detection as detection
from memest.analysis import difficulty as difficulty
from memest.analysis import early as early
from memest.analysis import galleries as galleries
from memest.analysis import similarity as similarity
from memest.analysis.finding import ANALYSES, Finding

__all__ = ["ANALYSES", "Finding"]
