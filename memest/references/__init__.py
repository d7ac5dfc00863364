"""Published per-example values: what scores are compared with. One file per source.

Every value comes with the id and the clean label of its example, and is given out only where both agree
with the examples asked for. Importing it registers every reference.
"""

from memest.references import cscores, influence, people, values
from memest.references.base import REFERENCES, Reference
from memest.references.identity import Identity, record_numbers
from memest.references.influence import InfluencePairs, feldman_zhang_pairs
from memest.references.people import read_people
from memest.references.values import values_bytes, write_values

__all__ = [
    "REFERENCES",
    "Identity",
    "InfluencePairs",
    "Reference",
    "cscores",
    "feldman_zhang_pairs",
    "influence",
    "people",
    "read_people",
    "record_numbers",
    "values",
    "values_bytes",
    "write_values",
]
