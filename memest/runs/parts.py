"""The parts of a protocol, each a run of its own, and the run that joins what they found by example id.

Axes: N examples of all parts, n of one, m of those that its network gives probabilities of.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from memest.data import ImageSet, Part
from memest.data.rebuilt import TRAINED
from memest.detect import ProtocolEvidence, suspicions
from memest.errors import SheetError
from memest.grammar.config import key_settings
from memest.ids import Ids
from memest.overhead.costs import Costs
from memest.runs.auroc_curves import auroc_curves
from memest.runs.prepare import Prepared
from memest.runs.report import COST, report
from memest.runs.sheet import seal_sheet, sheet_header, summary_table
from memest.scores import describe
from memest.store import Blobs, SheetReader, SheetWriter, block_span
from memest.store.tables import Columns, array_bytes, read_array, read_table, write_table
from memest.summaries import Trace
from memest.tracking import Run, children_of, experiment_of, is_local, read_columns, tracking_uri

PROBABILITIES = "sheet/probabilities.npy"
"""Probabilities that the network of a part gives the examples it was asked about, (m, C)."""


def keep_part(
    sheet: SheetWriter, images: ImageSet, part: Part, probabilities_mC: NDArray[np.float32]
) -> None:
    """Keep what `join` needs of a part: what it trained on, by id and stage, and its probabilities."""
    columns = {
        "id": np.concatenate([images.ids[stage] for stage in part.stages]),
        "stage": np.repeat(np.arange(len(part.stages)), [len(stage) for stage in part.stages]),
    }
    sheet.keep(TRAINED, write_table(columns))
    sheet.keep(PROBABILITIES, array_bytes(probabilities_mC))


@contextmanager
def parts_of(run: Run, prepared: Prepared) -> Iterator[list[Prepared]]:
    """The runs of all parts, within a block whose runs are shown below `run` and lie in its experiment.

    A run that `mlflow run` gave lies in an experiment of its own, whatever the settings say.
    """
    config = prepared.config
    if not is_local(config.tracking):
        uri = tracking_uri() if config.tracking == "auto" else config.tracking
        prepared = replace(prepared, config=replace(config, experiment=experiment_of(uri, run.id)))
    with children_of(run.id):
        yield [prepared.with_part(number) for number in range(len(prepared.parts))]


def join(run: Run, prepared: Prepared, parts: Sequence[Blobs]) -> None:
    """Write the sheet of a whole protocol into `run`, and its report.

    Args:
        run: to write into.
        prepared: of all parts.
        parts: the blobs of their finished runs, in the order of the parts.

    Raises:
        SheetError: a part does not fit the others, or its network saw what it should not have seen.
    """
    images, config = prepared.images, prepared.config
    sheets = [SheetReader.open(blobs) for blobs in parts]
    header = sheet_header(prepared.key, images, prepared.truth, key_settings(config))
    span = block_span(len(images), len(sheets[0].manifest.scores), prepared.epochs + 1)
    sheet = SheetWriter(run.blobs, header, images.ids, span, describe)
    places = [_places(images, reader, part) for reader, part in zip(sheets, prepared.parts, strict=True)]
    for epoch, columns in _side_by_side(sheets, places, len(images)):
        sheet.put(epoch, columns, {})
    rows = [read_array(reader.kept(PROBABILITIES)) for reader in sheets]
    asked = [
        part.left_out if len(part.left_out) else place
        for part, place in zip(prepared.parts, places, strict=True)
    ]
    probabilities = _gathered(rows, asked, len(images))
    sheet.keep(PROBABILITIES, array_bytes(probabilities))
    summary = summary_table(sheet.reader(), prepared.truth, prepared.images.names)
    summary |= _suspicions(prepared, sheet.reader(), probabilities)
    evaluation = seal_sheet(sheet, prepared.truth.columns() | prepared.others, summary)
    costs = _costs(parts, len(images))
    for epoch, values in auroc_curves(sheet.reader(), prepared.truth.changed).items():
        run.log_metrics(epoch, values)
    report(run, images, summary, evaluation, costs, max(map(last_epoch, sheets)))


def _costs(parts: Sequence[Blobs], count: int) -> Costs:
    """The costs of all parts together."""
    costs = Costs(count)
    for blobs in parts:
        costs.include(read_columns(blobs.get(f"{COST}.json")))
    return costs


def _places(images: ImageSet, sheet: SheetReader, part: Part) -> NDArray[np.int64]:
    """The positions among all of the examples of a part's sheet, (n,), by id.

    Raises:
        SheetError: they are not those of the part, or its network was trained on some that it should not see.
    """
    ids = sheet.summary()["id"]
    Ids(images.ids[part.observed], "the part that the protocol says", SheetError).require(
        Ids(ids, "the run of a part, which must be deleted and made again,", SheetError)
    )
    trained = read_table(sheet.kept(TRAINED))
    last = trained["id"][trained["stage"] == trained["stage"].max()]
    asked = images.ids[part.left_out] if len(part.left_out) else ids
    if len(seen := asked[Ids(asked, "a part", SheetError).among(last)]):
        raise SheetError(
            f"{len(seen)} examples, such as id {seen[0]}, were observed by a network that was being trained "
            "on them: they are not out of sample; delete the run of the part and go again"
        )
    return Ids(images.ids, "the dataset").locate(ids)


def _side_by_side(
    sheets: list[SheetReader], places: list[NDArray[np.int64]], count: int
) -> Iterator[tuple[int, dict[str, NDArray[np.float32]]]]:
    """The epochs of all parts side by side: every score of every example, (N,) by key."""
    last = max(map(last_epoch, sheets))
    for together in zip(*(_stretched(sheet, last) for sheet in sheets), strict=True):
        ((epoch, first), *others) = together
        if any(other != epoch or found.keys() != first.keys() for other, found in others):
            raise SheetError(f"the parts measured different scores at epoch {epoch}: train them anew")
        yield epoch, {key: _gathered([found[key] for _, found in together], places, count) for key in first}


def last_epoch(sheet: SheetReader) -> int:
    """The last epoch of a finished sheet."""
    return int(max(max(entry["epochs"]) for entry in sheet.manifest.scores.values()))


def _stretched(sheet: SheetReader, last: int) -> Iterator[tuple[int, dict[str, NDArray[np.float32]]]]:
    """The epochs of a part as if there had been `last`: its own count for those at their share of them."""
    own = last_epoch(sheet)
    for epoch, found in sheet.epochs():
        first = (epoch - 1) * last // own + 1
        for stood_for in range(max(0, first), epoch * last // own + 1):
            yield stood_for, found


def _gathered(
    values: list[NDArray[np.float32]], places: list[NDArray[np.int64]], count: int
) -> NDArray[np.float32]:
    """The rows of all parts in the order of all examples, (N, …): the mean where parts share an example."""
    sums = np.full((count, *values[0].shape[1:]), -0.0)  # −0 keeps the sign of every value
    visits = np.zeros((count, *[1] * (values[0].ndim - 1)))
    for rows, place in zip(values, places, strict=True):
        sums[place] += rows
        visits[place] += 1
    return np.asarray(np.where(visits > 0, sums / np.maximum(visits, 1), np.nan), np.float32)


def _suspicions(prepared: Prepared, sheet: SheetReader, probabilities_NC: NDArray[np.float32]) -> Columns:
    """The suspicions of the protocol's detectors, (N,) by name."""
    measured = "correct" in sheet.manifest.scores
    correct = Trace(*sheet.trace("correct")) if measured else None
    labels, config = prepared.images.labels, prepared.config
    evidence = ProtocolEvidence(labels, correct, config.recipe.epochs, probabilities_NC)
    return dict(suspicions(config.protocol, evidence))
