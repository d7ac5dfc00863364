"""Runs know which memest made them: another version is another run, and older ones stay readable."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from memest import __version__, version
from memest.grammar.config import build
from memest.runs.config import TrainConfig
from memest.stages import train
from memest.stages.config import RetrainConfig
from memest.stages.retrain import retrain
from memest.store import LocalBlobs, SheetReader
from memest.store.sheet import MANIFEST
from memest.tracking import About, LocalRun

SHORT = {"epochs": 1, "limit": 60, "scores": "loss", "tracking": "off"}


def trained(**more: Any) -> Any:
    """An epoch on a few digits."""
    return train.train(build(TrainConfig, SHORT | more))


@pytest.mark.parametrize("name", ["SCORES_VERSION", "__version__"])
@pytest.mark.parametrize("settings", [{}, {"protocol": "k_fold(folds=2)"}])
def test_a_run_of_another_version_is_not_done(
    name: str, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same configuration under a raised number is a run of its own; the first stays, and can be read."""
    first = trained(**settings)
    assert trained(**settings).done
    monkeypatch.setattr(version, name, "7")
    again = trained(**settings)
    assert (again.done, again.run.id != first.run.id) == (False, True)
    assert len(SheetReader.open(first.run.blobs).summary()["csl"]) == 60


def test_a_retraining_of_another_version_is_not_done(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its networks are trained anew."""
    settings = {"limit": 40, "networks": 12, "share": 0.5, "epochs": 1, "tracking": "off"}
    config = build(RetrainConfig, settings)
    assert [retrain(config).done for _ in range(2)] == [False, True]
    monkeypatch.setattr(version, "SCORES_VERSION", 7)
    assert not retrain(config).done


def test_manifest_and_tags_say_what_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Version, number of the scores' definitions, and the commit of the checkout that this test runs from."""
    about: list[About] = []
    begin = LocalRun.begin
    monkeypatch.setattr(LocalRun, "begin", lambda run, what: (about.append(what), begin(run, what))[1])
    header = SheetReader.open(trained().run.blobs).manifest.header
    root = Path(version.__file__).parents[1]
    command = ["git", "-C", str(root), "rev-parse", "HEAD"]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    there = (root / ".git").exists()
    assert header.version == __version__
    assert header.scores_version == str(version.SCORES_VERSION)
    assert header.commit == (said.stdout.strip() if there else "")
    tags = about[0].all_tags()
    assert tags["mlflow.memest.version"] == __version__
    assert tags["mlflow.memest.scores_version"] == str(version.SCORES_VERSION)


def test_a_sheet_of_before_there_were_versions_is_read(tmp_path: Path) -> None:
    """Its manifest lacks the fields; they come back empty, and the numbers with them."""
    opened = trained()
    manifest = json.loads(opened.run.blobs.get(MANIFEST))
    for name in ("version", "scores_version", "commit"):
        del manifest["header"][name]
    older = LocalBlobs(tmp_path / "older")
    for name in opened.run.blobs.names("sheet"):
        older.put(name, json.dumps(manifest).encode() if name == MANIFEST else opened.run.blobs.get(name))
    sheet = SheetReader.open(older)
    assert (sheet.manifest.header.version, sheet.manifest.header.scores_version) == ("", "")
    assert (sheet.summary()["csl"] == SheetReader.open(opened.run.blobs).summary()["csl"]).all()
