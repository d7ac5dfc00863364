"""Sealing a recording: its sheet is finished and stands in a run, in a folder or in MLflow."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np

from memest.errors import SettingError
from memest.grammar.config import digest
from memest.recorder.recorded import RecorderView, Sealed
from memest.recorder.recording import fingerprint
from memest.recorder.suspicious import worst
from memest.store import Header
from memest.store.tables import Columns
from memest.tracking import About, LocalRun, Run, open_run
from memest.tracking.active import in_active_run
from memest.version import versions

PROBABILITIES = "sheet/seen_probabilities.npy"
"""(N, K) float32, the mean over all visits while training."""
NAMES = "sheet/names.txt"
"""The name of each example, a line each in the order of the ids."""
_LISTED = 50
_AXES = {"dataset": "own", "model": "own", "seed": "0"}
"""What queries group by, where `about` does not say."""


def seal(recorder: RecorderView) -> Sealed:
    """Finish the sheet of a recording.

    Raises:
        UnseenError: no epoch has ended, or an example was never seen.
    """
    examples, labels, classes = recorder.examples, recorder.observed.labels, recorder.classes
    summaries = recorder.recording.summaries()
    truth: Columns = {
        "id": examples.ids,
        "label": labels,
        "original_label": labels,
        "changed": np.zeros(len(examples), bool),
        "partner_id": np.full(len(examples), -1, np.int64),
    }
    mark = fingerprint(examples, labels, classes)
    about = _about(recorder, mark)
    header = Header(
        key=about.key,
        fingerprint=mark,
        order="recording",
        corruption="none",
        config=dict(about.settings),
        count=len(examples),
        classes=classes,
        **versions(),
    )
    facts = {name: truth[name] for name in ("id", "label", "original_label", "changed")}
    blobs = recorder.recording.seal(header, _further(recorder), truth, facts | summaries)
    return Sealed(about, blobs, summaries)


def saved(recorder: RecorderView, folder: Path) -> Path:
    """The sealed recording as a run in `folder`.

    Raises:
        SettingError: the folder holds files already.
    """
    if folder.is_dir() and any(folder.iterdir()):
        raise SettingError(f"{folder} holds files already: save the recording into a new folder")
    run = LocalRun(folder)
    run.begin(recorder.sealed().about)
    _fill(run, recorder)
    run.close()
    return folder


def logged(recorder: RecorderView, experiment: str, tracking: str) -> str:
    """The sealed recording as a run in MLflow; its id.

    Raises:
        SettingError: it was logged before.
    """
    sealed = recorder.sealed()
    with in_active_run(), open_run(sealed.about, tracking, experiment) as opened:
        if opened.done:
            raise SettingError(f"this recording was logged already: it is run {opened.run.id}")
        _fill(opened.run, recorder)
    return opened.run.id


def _fill(run: Run, recorder: RecorderView) -> None:
    sealed = recorder.sealed()
    for epoch, values in recorder.recording.metrics.items():
        run.log_metrics(epoch, values)
    names = sealed.blobs.names("sheet")
    for name in sorted(
        names, key=lambda name: name.endswith("manifest.json")
    ):  # what names the others is last
        run.blobs.put(name, sealed.blobs.get(name))
    run.table("tables/suspicious", worst(recorder, sealed.summary, _LISTED).columns)
    run.seal({})


def _further(recorder: RecorderView) -> dict[str, bytes]:
    """Files beside the tables of the sheet, by name."""
    files = {}
    if (means := recorder.observed.mean_probabilities()) is not None:
        buffer = io.BytesIO()
        np.save(buffer, means, allow_pickle=False)
        files[PROBABILITIES] = buffer.getvalue()
    if names := recorder.examples.names:
        files[NAMES] = "\n".join(name.replace("\n", " ") for name in names).encode()
    return files


def _about(recorder: RecorderView, mark: str) -> About:
    settings: dict[str, Any] = dict(recorder.about) | {"scores": recorder.scores, "epochs": recorder.epoch}
    axes = {name: str(settings.get(name, missing)) for name, missing in _AXES.items()}
    recipe = {name: value for name, value in settings.items() if name not in _AXES}
    return About(
        stage="train",
        key=digest({"recording": recorder.recording.identity}),
        name=f"{axes['dataset']} {axes['model']} seed {axes['seed']}",
        settings=settings,
        tags=axes
        | {
            "limit": "0",
            "corruption": "none",
            "protocol": "standard",
            "epochs": str(recorder.epoch),
            "recipe": digest(recipe)[:8],
            "order": "recording",
            "recorder": "true",
        },
        note=(
            f"A recording of somebody's own training loop: {len(recorder.examples):,} examples, "
            f"{len(recorder.classes)} classes, {recorder.epoch} epochs. Read `sheet/summary.parquet` first."
        ),
        dataset=(axes["dataset"], mark),
    )
