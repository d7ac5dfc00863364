"""A checkout may move while a run is interrupted: the sheet keeps the commit that it was begun at."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from memest.errors import ChangeRefusedError
from memest.store import Blobs, Header, LocalBlobs, SheetReader, SheetWriter
from memest.store.sheet import MANIFEST
from memest.store.tables import Columns
from memest.tracking.journal import Head, Journal
from memest.tracking.journaled_run import JournaledBlobs
from memest.tracking.limits import Limits
from memest.tracking.local_run import LocalRun
from memest.tracking.run import About

IDS = np.arange(3)
HEADER = Header("k" * 64, "f" * 64, "torchvision", "none", {"epochs": 1}, 3, commit="a" * 40)
MOVED = replace(HEADER, commit="b" * 40)
TABLE: Columns = {"id": IDS, "label": np.zeros(3, int)}


def writer(blobs: Blobs, header: Header) -> SheetWriter:
    """A sheet of two epochs at a commit, nothing put into it."""
    return SheetWriter(blobs, header, IDS, 2, lambda key: {"unit": "", "harder": "higher"})


def put(sheet: SheetWriter, *epochs: int) -> None:
    """The same scores whatever the commit."""
    for epoch in epochs:
        sheet.put(epoch, {"loss": np.full(3, epoch, np.float32)}, {})


def journal(folder: Path) -> JournaledBlobs:
    """Blobs of a run that can go on after it was killed."""
    return JournaledBlobs(Journal(folder, Head("run", "http://127.0.0.1", "here"), Limits()))


def test_a_manifest_that_was_written_stays(tmp_path: Path) -> None:
    """Killed after the manifest, gone on with at another commit: the bytes are those of the first."""
    first = writer(journal(tmp_path), HEADER)
    put(first, 0, 1)
    first.seal(TABLE, TABLE)
    blobs = journal(tmp_path)
    before = blobs.get(MANIFEST)
    again = writer(blobs, MOVED)
    put(again, 0, 1)
    assert again.seal(TABLE, TABLE).header == HEADER
    assert blobs.get(MANIFEST) == before


@pytest.mark.parametrize("other", [replace(MOVED, scores_version="7"), replace(MOVED, config={"epochs": 2})])
def test_what_else_differs_is_refused(other: Header, tmp_path: Path) -> None:
    """Another number of the scores' definitions, another setting: a sealed sheet does not change."""
    first = writer(journal(tmp_path), HEADER)
    put(first, 0, 1)
    first.seal(TABLE, TABLE)
    again = writer(journal(tmp_path), other)
    put(again, 0, 1)
    with pytest.raises(ChangeRefusedError):
        again.seal(TABLE, TABLE)


def test_a_sheet_that_goes_on_keeps_the_commit_of_its_beginning(tmp_path: Path) -> None:
    """Killed between two epochs: the manifest names where the run began, as its tag in MLflow does."""
    first = writer(LocalBlobs(tmp_path), HEADER)
    put(first, 0)
    again = writer(LocalBlobs(tmp_path), MOVED)
    again.restore(first.state())
    put(again, 1)
    again.seal(TABLE, TABLE)
    assert SheetReader.open(LocalBlobs(tmp_path)).manifest.header == HEADER


def test_an_offline_run_is_tagged_with_the_commit_of_its_beginning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Taken up at two others: its journal, which is delivered as it stands, names no commit but the first."""
    about = About("train", "c0ffee" * 8, "a run", {"a": 1}, {}, "note")
    for letter in "abc":
        monkeypatch.setattr("memest.tracking.run.commit", lambda letter=letter: letter * 40)
        run = LocalRun(tmp_path)
        run.begin(about)
        run.close()
        (tmp_path / "resume.pt").touch()
    lines = [json.loads(line) for line in (tmp_path / "entries.jsonl").read_text().splitlines()]
    tags = [line["values"] for line in lines if line["kind"] == "tags"]
    found = [each["mlflow.source.git.commit"] for each in tags if "mlflow.source.git.commit" in each]
    assert found == ["a" * 40]
