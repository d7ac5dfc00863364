"""Pictures of examples: the images of a run's own dataset, with the labels that its sheet has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from memest.analysis.record import RunRecord
from memest.data import ImageSet
from memest.data.rebuilt import rebuild
from memest.ids import Ids
from memest.reports import figures
from memest.store.tables import FACTS, Columns

_SHORT = 24
"""Characters of a name that a caption shows."""

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def examples_figure(run: RunRecord, ids: Sequence[int], columns: int = 5) -> Figure:
    """Examples that a run was trained on, in the order of `ids`, in rows; see `labelled_images`.

    Raises:
        DataError: the dataset cannot be had here, or is not what it was.
        FingerprintError: its images are not those that the run was trained on.
    """
    images = rebuild(run.sheet, run.sheet.manifest.header.config).observed
    facts = run.read(FACTS)
    shown = Ids(images.ids, "the dataset").locate(ids)
    order = Ids(facts["id"], f"run {run.id}").locate(ids)
    return labelled_images(images.take(shown), {name: facts[name][order] for name in FACTS}, columns)


def labelled_images(images: ImageSet, facts: Columns, columns: int = 5) -> Figure:
    """M images in rows, each with its label; those whose label was changed are marked.

    Args:
        images: M of them.
        facts: id, label, original_label and changed of each, (M,).
        columns: images in a row.
    """
    captions = [_caption(images, facts, n) for n in range(len(images))]
    marked: NDArray[Any] = np.asarray(facts["changed"], bool)
    return figures.gallery(images.images[np.arange(len(images))], captions, marked.tolist(), columns)


def _caption(images: ImageSet, facts: Columns, n: int) -> str:
    given = f"#{facts['id'][n]}{_file(images, n)}label {images.classes[facts['label'][n]]}"
    return f"{given}\nwas {images.classes[facts['original_label'][n]]}" if facts["changed"][n] else given


def _file(images: ImageSet, n: int) -> str:
    """The end of an image's name, on a line of its own; two spaces where it has none."""
    if images.names is None:
        return "  "
    name = str(images.names[n]).rpartition("/")[2]
    return f"\n{name if len(name) <= _SHORT else '…' + name[1 - _SHORT :]}\n"
