"""A run's score sheet: its header, its table of summaries, and how well these find what was changed."""

from __future__ import annotations

from typing import Any

import numpy as np

from memest.data import ImageSet, Truth
from memest.data.images import Names
from memest.detect import Evaluation, evaluate_table
from memest.detect.traces import stretches_of
from memest.store import Header, SheetReader, SheetWriter
from memest.store.tables import FACTS, NAME, Columns
from memest.summaries import summarise_all
from memest.version import commit, versions


def sheet_header(
    key: str, images: ImageSet, truth: Truth, config: dict[str, Any], source_run: str = ""
) -> Header:
    """The header of a sheet over these images and labels.

    Args:
        key: of the run.
        images: those that are measured.
        truth: of the images.
        config: every setting of the run.
        source_run: the run that `score` measures again.
    """
    return Header(
        key=key,
        fingerprint=images.fingerprint,
        order=images.order,
        corruption=truth.spec,
        config=config,
        count=len(images),
        source_run=source_run,
        classes=images.classes,
        **versions(),
        commit=commit(),
    )


def summary_table(sheet: SheetReader, truth: Truth, names: Names | None = None) -> Columns:
    """One row per example: id, name, labels, truth, and every summary the sheet can answer, float64.

    Args:
        sheet: being written.
        truth: of its examples, in their order.
        names: of its examples, in their order; None: they have none, and the table no such column.
    """
    summaries = summarise_all(sheet.measured, *stretches_of(sheet))
    facts = {name: truth.columns()[name] for name in FACTS}
    facts |= {} if names is None else {NAME: names}
    return facts | {name: np.asarray(values) for name, values in summaries.items()}


def seal_sheet(sheet: SheetWriter, truth: Columns, summary: Columns) -> Evaluation | None:
    """Seal a sheet together with how well its summaries find what was changed.

    Args:
        sheet: all of its epochs are written.
        truth: the truth table, further labels among its columns.
        summary: one row per example.

    Returns:
        What is stored as the evaluation; None where there is nothing to detect.
    """
    evaluation = evaluate_table(summary)
    sheet.seal(truth, summary, evaluation.to_json() if evaluation else None)
    return evaluation
