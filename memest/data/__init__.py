"""Labelled images: sources, identity, corruption, augmentation, batches on a device."""

from memest.data import duplicates as duplicates
from memest.data import noise as noise
from memest.data import sets as sets
from memest.data.augmentation import AUGMENTATIONS
from memest.data.batches import Batch, Loader
from memest.data.corruptions import CORRUPTIONS, corrupt
from memest.data.images import ImageSet, Split
from memest.data.labels import LABELS, draw_labels, label_name
from memest.data.source import SETS, load_images
from memest.data.truth import Truth

__all__ = [
    "AUGMENTATIONS",
    "CORRUPTIONS",
    "LABELS",
    "SETS",
    "Batch",
    "ImageSet",
    "Loader",
    "Split",
    "Truth",
    "corrupt",
    "draw_labels",
    "label_name",
    "load_images",
]
