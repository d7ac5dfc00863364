"""Write a dataset again with its labels corrected by a file of decisions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from memest.data import SETS, load_images
from memest.data.corrections import REMOVED, corrected, require_new, write_corrected
from memest.errors import SettingError
from memest.grammar.config import one, option
from memest.grammar.values import Index


@dataclass(frozen=True)
class ApplyConfig:
    """What a correction can be told."""

    decisions: str = option(
        "",
        "CSV with fingerprint, id, label, decision (right, wrong, unsure, remove), new_label",
        bare=True,
        needed=True,
    )
    data: str = option("digits", "the dataset that was decided on", read=one(SETS))
    limit: Index = option(0, "as of the audit: only this many images were decided on, and are written")
    into: str = option("", "a new folder for image files with a metadata.csv, or a new .npz", needed=True)


def apply(config: ApplyConfig) -> str:
    """Write the corrected dataset; the original is left as it is.

    Raises:
        InputError: decisions that were made on other images or labels, or a place that is taken.
    """
    if not config.decisions or not config.into:
        raise SettingError(
            "apply needs a file of decisions and --into, as in memest apply decisions.csv --into new"
        )
    require_new(Path(config.into))
    split = load_images(config.data, config.limit)
    images = split.train
    labels = corrected(Path(config.decisions), images)
    write_corrected(Path(config.into), SETS.parse(config.data), split, labels)
    removed = int((labels == REMOVED).sum())
    changed = int((labels != images.labels).sum()) - removed
    said = f"{changed} labels corrected and {removed} images left out of {len(images)}"
    along = "" if split.test is None else f", with the test set of {len(split.test)} as it was"
    return f"{said}{along}, written to {config.into}"
