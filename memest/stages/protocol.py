"""All parts of a protocol as runs of their own, joined by example id into one sheet.

    standard                  one part: the run itself
    k_fold, second_split      a run for each part, and a run that holds what they found together

A part that died is made again alone; what a part trained on is read from what it kept, not planned again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from memest.data import PROTOCOLS, ImageSet, Part, Split, Truth, corrupt, load_images, plan
from memest.detect import Evidence, suspicions
from memest.errors import SettingError, SheetError
from memest.grammar.config import key_settings
from memest.ids import Ids
from memest.overhead.costs import Costs
from memest.runs.budget import within_budget
from memest.runs.config import TrainConfig
from memest.runs.dataset import PROBABILITIES, TRAINED
from memest.runs.description import COST, about_training, choice_files, report
from memest.runs.device import choose_device
from memest.runs.key import run_key
from memest.runs.other_labels import other_labels
from memest.runs.sheet import evaluation_bytes, sheet_header, summary_table
from memest.scores import ScoreSet, describe
from memest.seeding import Streams
from memest.stages.train import Callback, ignore, train
from memest.store import SheetReader, SheetWriter, block_span
from memest.store.tables import Columns, array_bytes, read_array, read_table
from memest.summaries import Trace
from memest.tracking import (
    OFF,
    Opened,
    children_of,
    experiment_of,
    open_run,
    read_columns,
    tracking_uri,
)


def train_protocol(config: TrainConfig, callback: Callback = ignore) -> Opened:
    """Train what a configuration asks for: one run, or every part of its protocol and what joins them.

    Args:
        config: what to train.
        callback: as for `train`, where it is one run; not called where there are several.

    Raises:
        InputError: before anything is written, if something asked for cannot be done.
    """
    config, choice = within_budget(config)
    streams = Streams(config.seed, corruption=config.corruption_seed)
    name = PROTOCOLS.parse(config.protocol).name
    if config.part is not None or name == "standard":
        return train(config, callback, files=choice_files(choice))
    if name == "second_split" and "correct" not in ScoreSet(config.scores).keys:
        raise SettingError(f"second_split needs the score correct; add it to --scores {config.scores}")
    split = load_images(config.data, config.limit)
    images, truth = corrupt(split.train, config.corruption, streams)
    return _train_parts(config, split, images, truth, plan(images, config.protocol, streams))


def _train_parts(
    config: TrainConfig, split: Split, images: ImageSet, truth: Truth, parts: list[Part]
) -> Opened:
    device = choose_device(config.device)
    others = other_labels(ScoreSet(config.scores), split.train)
    key = run_key(key_settings(config), split, images, device, others)
    about = about_training(config, key, images, truth, device)
    with open_run(about, config.tracking, config.experiment) as opened:
        if opened.done:
            return opened
        run, costs = opened.run, Costs(len(images))
        sheets = []
        tracked = config.tracking != OFF
        if tracked:  # a run that `mlflow run` gave lies in an experiment of its own, and so do its parts
            uri = tracking_uri() if config.tracking == "auto" else config.tracking
            config = replace(config, experiment=experiment_of(uri, run.id))
        with children_of(run.id if tracked else ""):
            for number in range(len(parts)):
                made = train(replace(config, part=number))
                costs.include(read_columns(made.run.blobs.get(f"{COST}.json")))
                sheets.append(SheetReader.open(made.run.blobs))
        stages = len(parts[0].stages)
        epochs = config.recipe.epochs * stages
        header = sheet_header(key, images, truth, key_settings(config))
        span = block_span(len(images), len(sheets[0].manifest.scores), epochs + 1)
        sheet = SheetWriter(run.blobs, header, images.ids, span, describe)
        places = [_places(images, reader, part) for reader, part in zip(sheets, parts, strict=True)]
        for epoch, columns in _joined(sheets, places, len(images)):
            sheet.put(epoch, columns, {})
        probabilities = _gathered([read_array(s.kept(PROBABILITIES)) for s in sheets], places, len(images))
        sheet.keep(PROBABILITIES, array_bytes(probabilities))
        reader = sheet.reader()
        summary = summary_table(reader, truth)
        summary |= _suspicions(config, images, reader, probabilities)
        sheet.seal(truth.columns() | others, summary, evaluation_bytes(summary))
        report(run, images, summary, costs, epochs)
        run.seal({})
    return opened


def _places(images: ImageSet, sheet: SheetReader, part: Part) -> NDArray[np.int64]:
    """Where the examples of a part's sheet stand among all, (n,), by id.

    Raises:
        SheetError: they are not those of the part, or its network was trained on some that it should not see.
    """
    ids = sheet.summary()["id"]
    Ids(images.ids[part.observed], "the part that the protocol says", SheetError).require(
        Ids(ids, "the run of a part, which must be deleted and made again,", SheetError)
    )
    trained = read_table(sheet.kept(TRAINED))
    last = trained["id"][trained["stage"] == trained["stage"].max()]
    if len(seen := ids[Ids(ids, "a part", SheetError).among(last)]):
        raise SheetError(
            f"{len(seen)} examples, such as id {seen[0]}, were observed by a network that was being trained "
            "on them: they are not out of sample; delete the run of the part and go again"
        )
    return Ids(images.ids, "the dataset").locate(ids)


def _joined(
    sheets: list[SheetReader], places: list[NDArray[np.int64]], count: int
) -> Iterator[tuple[int, dict[str, NDArray[np.float32]]]]:
    """The epochs of all parts side by side: every score of every example, (N,) by key."""
    for together in zip(*(sheet.epochs() for sheet in sheets), strict=True):
        ((epoch, first), *others) = together
        if any(other != epoch or found.keys() != first.keys() for other, found in others):
            raise SheetError(f"the parts measured different scores at epoch {epoch}: train them anew")
        yield epoch, {key: _gathered([found[key] for _, found in together], places, count) for key in first}


def _gathered(
    values: list[NDArray[np.float32]], places: list[NDArray[np.int64]], count: int
) -> NDArray[np.float32]:
    """Rows of all parts, each at its place: (N, …)."""
    whole = np.full((count, *values[0].shape[1:]), np.nan, np.float32)
    for rows, place in zip(values, places, strict=True):
        whole[place] = rows
    return whole


def _suspicions(
    config: TrainConfig, images: ImageSet, sheet: SheetReader, probabilities_NC: NDArray[np.float32]
) -> Columns:
    """What the detectors of the protocol say, (N,) by name."""
    measured = "correct" in sheet.manifest.scores
    correct = Trace(*sheet.trace("correct")) if measured else None
    evidence = Evidence(images.labels, correct, config.recipe.epochs, probabilities_NC)
    return dict(suspicions(config.protocol, evidence))
