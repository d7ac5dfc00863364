"""`memest audit`, trained for real on few images."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from memest.cli import main

SMALL = [
    "--tracking",
    "offline",
    "--limit",
    "400",
    "--model",
    "tiny(width=8)",
    "--epochs",
    "8",
    "--folds",
    "2",
]


@pytest.fixture(autouse=True)
def _somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def wrong_digits(path: Path, count: int = 20) -> set[int]:
    """400 digits, the first of which got the label of another class; their ids."""
    from memest.data import load_images

    images = load_images("digits", 400).train
    labels = images.labels.copy()
    labels[:count] = (labels[:count] + 5) % 10
    np.savez(path, images=images.images, labels=labels, ids=images.ids)
    return set(images.ids[:count].tolist())


def test_wrong_labels_stand_first_in_the_list(tmp_path: Path) -> None:
    """Twenty known errors in 400 digits: most of the first twenty rows are they."""
    wrong = wrong_digits(tmp_path / "mine.npz")
    words = ["audit", "mine.npz", *SMALL[:2], *SMALL[4:], "--epochs", "15", "--into", "out"]
    assert main(words) == 0
    rows = list(csv.DictReader((tmp_path / "out/issues.csv").open()))
    assert list(rows[0]) == ["id", "file", "label", "suggested", "probability", "kind", "rank", "why"]
    assert len(wrong & {int(row["id"]) for row in rows[:20]}) > 10
    summary = json.loads((tmp_path / "out/summary.json").read_bytes())
    assert summary["planted"]["count"] == 12
    assert 0 < summary["wrong_share"]["share"] < 0.2


def test_the_same_command_finds_what_it_did(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The second time nothing is trained and the files are the same."""
    assert main(["audit", "digits", *SMALL, "--into", "one"]) == 0
    assert "is done" in capsys.readouterr().out
    assert main(["audit", "digits", *SMALL, "--into", "two"]) == 0
    assert "was done before" in capsys.readouterr().out
    for name in ("issues.csv", "issues.parquet", "summary.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
