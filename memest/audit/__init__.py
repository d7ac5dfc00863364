"""What is wrong with a labelled image set, as a list that one can act on, and what that list is worth."""

from memest.audit.findings import Estimate, Findings, Group, Planted, Reliability

__all__ = ["Estimate", "Findings", "Group", "Planted", "Reliability"]
