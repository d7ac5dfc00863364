"""Write a dataset again with its labels corrected by a file of decisions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from memest.data import SETS, load_images
from memest.data.corrections import REMOVED, corrected, write_corrected
from memest.errors import SettingError
from memest.grammar.config import one, option


@dataclass(frozen=True)
class ApplyConfig:
    """What a correction can be told."""

    decisions: str = option(
        "", "CSV with fingerprint, id, label, decision (right, wrong, unsure, remove), new_label", bare=True
    )
    data: str = option("digits", "the dataset that was decided on", read=one(SETS))
    into: str = option("", "a new folder for image files with a metadata.csv, or a new .npz")


def apply(config: ApplyConfig) -> str:
    """Write the corrected dataset; the original is left as it is.

    Raises:
        InputError: decisions that were made on other images or labels, or a place that is taken.
    """
    if not config.decisions or not config.into:
        raise SettingError(
            "apply needs a file of decisions and --into, as in memest apply decisions.csv --into new"
        )
    images = load_images(config.data).train
    labels = corrected(Path(config.decisions), images)
    write_corrected(Path(config.into), SETS.parse(config.data), images, labels)
    removed = int((labels == REMOVED).sum())
    changed = int((labels != images.labels).sum()) - removed
    return (
        f"{changed} labels corrected and {removed} images left out of {len(images)}, written to {config.into}"
    )
