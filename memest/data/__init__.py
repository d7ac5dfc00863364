"""Labelled images: sources, identity, corruption, protocols."""

from memest.data import sources as sources
from memest.data.corruptions import CORRUPTIONS, corrupt
from memest.data.images import ImageSet, Split
from memest.data.label_sets import LABELS, draw_labels, label_name
from memest.data.protocols import PROTOCOLS, Part, plan
from memest.data.sources.base import SETS, load_images
from memest.data.truth import Truth

__all__ = [
    "CORRUPTIONS",
    "LABELS",
    "PROTOCOLS",
    "SETS",
    "ImageSet",
    "Part",
    "Split",
    "Truth",
    "corrupt",
    "draw_labels",
    "label_name",
    "load_images",
    "plan",
]
