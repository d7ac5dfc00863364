"""What is wrong with a labelled image set, as a list that one can act on, and what that list is worth."""

from memest.auditing.findings import Findings, Group, Planted, Reliability, WrongShare

__all__ = ["Findings", "Group", "Planted", "Reliability", "WrongShare"]
