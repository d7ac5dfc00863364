"""`memest audit`, trained for real on few images."""

from __future__ import annotations

import csv
import itertools
import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from memest import Recorder
from memest.cli import main
from memest.runs import audit_folds
from memest.runs.audit_plan import Price
from memest.scores import OnlineScores
from memest.stages import audit as stage

SMALL = shlex.split("--tracking offline --limit 200 --model tiny(width=4) --epochs 3 --folds 2")
LEARNING = shlex.split("--tracking offline --model tiny(width=8) --epochs 15 --folds 2")


@pytest.fixture(autouse=True)
def _somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where tests that look at an audit of the digits keep its runs: the first of them trains."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def trained(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """That folder, in use, with an audit in it; its files are in `out`."""
    monkeypatch.setenv("MEMEST_HOME", str(home))
    assert main(["audit", "digits", *SMALL, "--into", "out"]) == 0
    return home


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
    assert main(["audit", "mine.npz", *LEARNING, "--into", "out"]) == 0
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


def test_an_audit_that_dies_ends_with_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Killed in the second epoch of the second network, it goes on: a run for each part, and equal files."""
    monkeypatch.setenv("MEMEST_RESUME_EVERY_EPOCH", "1")
    assert main(["audit", "digits", *SMALL, "--into", "whole"]) == 0
    (tmp_path / ".memest").rename(tmp_path / "kept")
    take, calls = OnlineScores.take, itertools.count(1)

    def dying(self: OnlineScores, *arguments: Any) -> Any:
        if next(calls) == 7:
            raise KeyboardInterrupt
        return take(self, *arguments)

    monkeypatch.setattr(OnlineScores, "take", dying)
    assert main(["audit", "digits", *SMALL, "--into", "again"]) == 130
    assert "goes on where it was" in capsys.readouterr().err
    assert not (tmp_path / "again").exists()
    assert main(["audit", "digits", *SMALL, "--into", "again"]) == 0
    assert len(list((tmp_path / ".memest/runs").iterdir())) == 3
    for name in ("issues.csv", "issues.parquet", "summary.json"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()
    sheets = [sheets_in(tmp_path / home) for home in ("kept", ".memest")]
    assert sheets[0] == sheets[1]


def sheets_in(home: Path) -> dict[str, bytes]:
    """Every block and table of every run, by path."""
    found = [*home.rglob("*.safetensors"), *home.rglob("*.parquet"), *home.rglob("*.npy")]
    return {str(path.relative_to(home)): path.read_bytes() for path in found}


def test_what_was_chosen_for_a_budget_is_not_chosen_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The machine is measured once: the same command makes the same run, however fast the machine is then."""
    words = ["audit", "digits", "--tracking", "offline", "--limit", "100", "--budget", "1s"]
    assert main(words) == 0
    first = capsys.readouterr().out
    monkeypatch.setattr(audit_folds, "measured_price", lambda *_: Price(1e-9))
    assert main(words) == 0
    assert capsys.readouterr().out.splitlines()[:-1] == first.splitlines()[:-1]


def test_copies_are_looked_for_before_a_plan_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """How long that takes is then known: an audit that dies over it has planned and trained nothing."""

    def dying(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(stage, "groups_of", dying)
    assert main(["audit", "digits", "--tracking", "offline", "--limit", "100", "--budget", "5s"]) == 130
    assert not list(tmp_path.rglob("*.json"))


def test_a_recording_is_audited_without_training(tmp_path: Path) -> None:
    """Examples whose recorded margins stay low come first; the files are those of an audit."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 90)
    given = labels.copy()
    given[:5] = (labels[:5] + 1) % 3
    recorder = Recorder(np.arange(90), labels=given, classes=["cat", "dog", "fox"])
    for _ in range(4):
        logits = torch.tensor(rng.normal(0, 0.3, (90, 3)) + 3 * np.eye(3)[labels])
        recorder.update(logits.float(), torch.tensor(given), torch.arange(90))
        recorder.end_epoch()
    recorder.save("mine")
    assert main(["audit", "--sheet", "mine", "--tracking", "offline", "--into", "out"]) == 0
    rows = list(csv.DictReader((tmp_path / "out/issues.csv").open()))
    assert {int(row["id"]) for row in rows[:5]} == set(range(5))
    assert rows[0]["suggested"] == ["cat", "dog", "fox"][labels[int(rows[0]["id"])]]


def test_a_finished_run_is_audited_without_training(tmp_path: Path) -> None:
    """The joined run of k_fold has probabilities out of sample; a plain run has none, and that is said."""
    shared = ["--tracking", "offline", "--limit", "120", "--epochs", "3", "--model", "tiny(width=4)"]
    assert main(["train", *shared, "--protocol", "k_fold(folds=2)"]) == 0
    joined = next(path.parent for path in tmp_path.rglob("probabilities.npy") if _count(path) == 120)
    audit = ["audit", "--tracking", "offline", "--into", "out", "--sheet"]
    assert main([*audit, str(joined.parent)]) == 0
    assert json.loads((tmp_path / "out/summary.json").read_bytes())["examples"] == 120


def test_a_run_without_probabilities_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A plain training says nothing of other classes: one line says what would."""
    assert main(["train", "--tracking", "offline", "--limit", "60", "--epochs", "1"]) == 0
    (home,) = (tmp_path / ".memest/runs").iterdir()
    assert main(["audit", "--tracking", "offline", "--sheet", str(home)]) == 2
    assert "cross_fit" in capsys.readouterr().err


def test_an_audit_and_its_folds_are_no_sheet_to_audit(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its labels were changed on purpose, and a fold has evidence of a part: one line says what to do."""
    whole = next(path.parent for path in trained.rglob("audit_plan.json"))
    folds = [path for path in (trained / "runs").iterdir() if not [*path.rglob("audit_plan.json")]]
    capsys.readouterr()
    for place, says in ((whole, "repeat its own command"), (folds[0], "name the run that joins it")):
        assert main(["audit", "--tracking", "offline", "--sheet", str(place), "--into", "new"]) == 2
        error = capsys.readouterr().err
        assert says in error and error.count("\n") == 1 and not Path("new").exists()


def test_an_audit_on_a_server_is_named_by_its_trainings(
    store_uri: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither audited nor scored by its id: one line says what the run holds and what to name instead."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store_uri)
    words = [word for word in SMALL if word not in ("--tracking", "offline")]
    assert main(["audit", "digits", *words, "--experiment", "audited", "--into", "out"]) == 0
    run = capsys.readouterr().out.split("run ")[-1].split()[0]
    for command in (["audit", "--sheet", run], ["score", "--run", run]):
        assert main(command) == 2
        error = capsys.readouterr().err
        assert f"run {run} is an audit" in error and error.count("\n") == 1


def test_fewer_folds_than_usual_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A class of two images allows two folds."""
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], [19, 19, 2])
    np.savez("mine.npz", images=rng.integers(0, 255, (40, 8, 8), dtype=np.uint8), labels=labels)
    words = ["--tracking", "offline", "--model", "tiny(width=4)", "--epochs", "1", "--into", "out"]
    assert main(["audit", "mine.npz", *words]) == 0
    said = capsys.readouterr().out
    assert "2 networks" in said and "the smallest class has 2 images" in said


def _count(path: Path) -> int:
    return len(np.load(path))


def test_exports_and_decisions_follow_an_audit(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Asked for afterwards, exports need no training; a decision on the listed file is applied."""
    blocks = {path: path.stat().st_mtime_ns for path in trained.rglob("block-*.safetensors")}
    assert main(["audit", "digits", *SMALL, "--into", "out", "--export", "cleanlab,tables"]) == 0
    assert blocks.items() <= {p: p.stat().st_mtime_ns for p in trained.rglob("block-*")}.items()
    assert np.load(tmp_path / "out/cleanlab/pred_probs.npy").shape[1] == 10
    report = (tmp_path / "out/report.html").read_text()
    assert "memest apply decisions.csv --data digits --limit 200 --into corrected" in report
    first = next(csv.DictReader((tmp_path / "out/tables/issues.csv").open()))
    fingerprint = json.loads((tmp_path / "out/summary.json").read_bytes())["fingerprint"]
    row = (fingerprint, first["id"], first["label"], "wrong", first["suggested"])
    text = "\n".join(["fingerprint,id,label,decision,new_label", ",".join(row)])
    (tmp_path / "decisions.csv").write_text(text)
    words = ["apply", "decisions.csv", "--data", "digits", "--limit", "200", "--into", "new.npz"]
    assert main(words) == 0
    assert "1 labels corrected and 0 images left out of 200" in capsys.readouterr().out
    assert main(["audit", "digits", *SMALL, "--into", "bad", "--export", "cleanlb"]) == 2
    assert not (tmp_path / "bad").exists()


@pytest.mark.usefixtures("trained")
def test_the_report_is_that_of_the_audit(tmp_path: Path) -> None:
    """Not that of the trainings it rests on."""
    page = (tmp_path / "out/report.html").read_text()
    assert "No label of 200 images looks wrong" in page or "labels look wrong" in page
    assert "most suspicious labels of" not in page
