"""The paper's analyses; importing this module registers them in `ANALYSES`."""

from memest.paper import duplicates as duplicates
from memest.paper import leak_audit as leak_audit
from memest.paper import mislabeled as mislabeled
from memest.paper import theory as theory
