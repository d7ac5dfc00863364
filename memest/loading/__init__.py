"""From images in memory to batches on a device: the loader and its augmentations."""

from memest.loading.augmentation import AUGMENTATIONS
from memest.loading.loader import Batch, Loader, smallest_batch

__all__ = ["AUGMENTATIONS", "Batch", "Loader", "smallest_batch"]
