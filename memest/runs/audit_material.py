"""What an audit judges, and by what: from the folds that it trained, or from a finished run or recording."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from memest.auditing.evidence import Evidence
from memest.auditing.findings import Audited
from memest.auditing.sheets import evidence_of
from memest.data import ImageSet, load_images
from memest.data.rebuilt import rebuild
from memest.errors import DataError, InputError, NoRunsError, SheetError, looked_in
from memest.ids import Ids
from memest.runs.features import kept_features
from memest.runs.finished import finished_run
from memest.runs.prepare import Prepared
from memest.store import Blobs, LocalBlobs, SheetReader
from memest.store.tables import NAME
from memest.tracking import is_local, server_uri

PLAN = "audit_plan.json"
"""Where an audit keeps what it chose to train."""
_RECORDING = "recording"
_NAMES = "sheet/names.txt"
"""Where a recording keeps the names of its examples."""


@dataclass(frozen=True, eq=False)
class Material:
    """What an audit judges, and by what.

    Attributes:
        audited: the data set.
        evidence: of the same examples.
        images: to show; None: they are not at hand.
        test: the test set; None: there is none.
        how: how errors were planted, in words; empty: none were.
        features: (N, D), where a network puts the images; None: not at hand.
    """

    audited: Audited
    evidence: Evidence
    images: ImageSet | None = None
    test: ImageSet | None = None
    how: str = ""
    features: NDArray[np.float32] | None = None


def of_folds(prepared: Prepared, joined: Blobs, first: Blobs, test: ImageSet | None) -> Material:
    """From folds that were trained.

    Args:
        prepared: all folds.
        joined: of the run that joins them.
        first: of the run of the first fold.
        test: the test set of the data set.
    """
    given, changed = prepared.split.train, int(prepared.truth.changed.sum())
    how = f"{changed} labels were changed at random, half of them to classes that look alike"
    return Material(
        _audited(given, prepared.config.data, prepared.split.left_out),
        evidence_of(SheetReader.open(joined), len(prepared.parts) - 1),
        given,
        test,
        how if changed else "",
        kept_features(prepared, SheetReader.open(first)),
    )


def sheet_at(where: str, tracking: str) -> SheetReader:
    """The sheet of a finished run by its id, or of the run or recording in a folder.

    Raises:
        InputError: there is none, or it was not finished.
    """
    folder = Path(where)
    if not folder.is_dir():
        missing = f"--sheet {where}: there is no such folder {looked_in(folder)}"
        if is_local(tracking):
            raise InputError(f"{missing}, and --tracking {tracking} asks no server for a run")
        try:
            return finished_run(server_uri(tracking), where).sheet
        except NoRunsError as error:
            raise NoRunsError(f"{missing}, and {error}") from error
    places = (folder, folder / "blobs", folder / "local/blobs")
    inside = next((place for place in places if (place / "sheet").is_dir()), folder)
    if (inside / PLAN).is_file():
        raise InputError(
            f"--sheet {where} is an audit, some of whose labels were changed on purpose: repeat its own "
            "command, which finds what it did without training"
        )
    try:
        return SheetReader.open(LocalBlobs(inside))
    except SheetError as error:
        raise InputError(f"--sheet {where}: {error}") from error


def of_sheet(sheet: SheetReader, data: str) -> Material:
    """From a finished run or recording; the labels that were trained on are audited.

    Args:
        sheet: of the run.
        data: the data set of a recording, to show its images; empty: they are not shown. A run names its own.

    Raises:
        InputError: it kept too little, or the images and labels are others than those that it measured.
    """
    header, evidence = sheet.manifest.header, evidence_of(sheet)
    if header.order != _RECORDING:
        rebuilt = rebuild(sheet, header.config)
        images, split = rebuilt.observed, rebuilt.split
        audited = _audited(images, str(header.config["data"]), split.left_out)
        return Material(audited, evidence, images, split.test)
    classes = header.classes or tuple(map(str, range(evidence.probabilities.shape[1])))
    facts = header.fingerprint, classes, evidence.ids, _names(sheet, evidence), evidence.labels
    if not data:
        return Material(Audited(_RECORDING, *facts), evidence)
    split = load_images(data)
    images = split.train.take(Ids(split.train.ids, f"the dataset {data}").locate(evidence.ids))
    if (other := images.labels != evidence.labels).any():
        raise DataError(
            f"{data} gives {int(other.sum())} examples other labels than the recording, such as id "
            f"{images.ids[other][0]}: name the data set that was recorded"
        )
    return Material(_audited(images, data, split.left_out), evidence, images, split.test)


def _audited(images: ImageSet, spec: str, unreadable: Mapping[str, str]) -> Audited:
    names = images.ids if images.names is None else images.names
    files = tuple(map(str, names.tolist()))
    return Audited(spec, images.fingerprint, images.classes, images.ids, files, images.labels, unreadable)


def _names(sheet: SheetReader, evidence: Evidence) -> tuple[str, ...]:
    """The names of the examples of a sheet."""
    if any(part.name == _NAMES for part in sheet.manifest.kept):
        return tuple(sheet.kept(_NAMES).decode().split("\n"))
    if NAME in sheet.summary_names():
        return tuple(map(str, sheet.summary([NAME])[NAME].tolist()))
    return tuple(map(str, evidence.ids.tolist()))
