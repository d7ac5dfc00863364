"""Names of the parts of a dataset: the words by which Hugging Face's `datasets` tells them apart."""

from __future__ import annotations

import re

TRAIN = ("train", "training")
TEST = ("test", "testing", "eval", "evaluation")
VALIDATION = ("validation", "valid", "val", "dev")
HELD = (*TEST, *VALIDATION)
"""Parts that are not trained on, the preferred ones first."""


def part_named(name: str) -> str | None:
    """The word for a part that a folder's name is, case and digits aside: `Train2017` is `train`."""
    word = re.sub(r"[^a-z]", "", name.lower())
    return word if word in (*TRAIN, *HELD) else None


def words_of(path: str) -> set[str]:
    """The words of a shard's path, in small letters: `data/train-00000-of-00002` has `train`."""
    return set(re.split(r"[^a-z]+", path.lower()))
