"""Encoded images of any kind and size, decoded once into one array on disk."""

from memest.data.decoded.cache import CacheEntry, cache_entries, cache_root, decoded, drop
from memest.data.decoded.leftover import Leftover, leftovers
from memest.data.decoded.pictures import Color, Fit, Shape, UnreadableError
from memest.data.decoded.records import Files, Records, Stretches, shards_state, texts

__all__ = [
    "CacheEntry",
    "Color",
    "Files",
    "Fit",
    "Leftover",
    "Records",
    "Shape",
    "Stretches",
    "UnreadableError",
    "cache_entries",
    "cache_root",
    "decoded",
    "drop",
    "leftovers",
    "shards_state",
    "texts",
]
