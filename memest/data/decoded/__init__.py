"""Encoded images of any kind and size, decoded once into one array on disk."""

from memest.data.decoded.cache import Entry, cache_root, decoded, drop, entries
from memest.data.decoded.pictures import Color, Fit, Shape, UnreadableError
from memest.data.decoded.records import Files, Records, Stretches, shards_state, texts

__all__ = [
    "Color",
    "Entry",
    "Files",
    "Fit",
    "Records",
    "Shape",
    "Stretches",
    "UnreadableError",
    "cache_root",
    "decoded",
    "drop",
    "entries",
    "shards_state",
    "texts",
]
