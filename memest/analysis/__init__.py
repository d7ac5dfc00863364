"""Queries, run sets, tables, figures and reports over finished runs."""

from memest.analysis import detection as detection
from memest.analysis import difficulty as difficulty
from memest.analysis import similarity as similarity
from memest.analysis.finding import ANALYSES, Finding, Suspects

__all__ = ["ANALYSES", "Finding", "Suspects"]
