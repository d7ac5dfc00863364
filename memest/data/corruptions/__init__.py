"""Corruptions of a training set, one file for each kind; importing this package registers them."""

from memest.data.corruptions import confusable as confusable
from memest.data.corruptions import duplicates as duplicates
from memest.data.corruptions import noise as noise
from memest.data.corruptions.base import CORRUPTIONS, Corruption, corrupt

__all__ = ["CORRUPTIONS", "Corruption", "corrupt"]
