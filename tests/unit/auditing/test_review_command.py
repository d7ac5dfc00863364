"""`memest review`: from decisions of the report to a share, a recall and the next list."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from memest.auditing import Findings, WrongShare
from memest.auditing.duplicates import with_duplicates
from memest.auditing.findings import Group
from memest.auditing.near_duplicates import Duplicates
from memest.auditing.review import random_part
from memest.auditing.tables import ranking_parquet, summary_json
from memest.cli import main

COUNT = 300


def findings(fingerprint: str = "f" * 64) -> Findings:
    """300 labels in two classes, of which those with the first 30 ranks are wrong."""
    ids = np.arange(COUNT) + 1000
    return Findings(
        dataset="npz(path='mine.npz')",
        fingerprint=fingerprint,
        classes=("cat", "dog"),
        ids=ids,
        files=tuple(f"{n}.png" for n in ids.tolist()),
        labels=np.arange(COUNT) % 2,
        suggested=1 - np.arange(COUNT) % 2,
        probability=np.linspace(1, 0, COUNT),
        rank=np.arange(COUNT) + 1,
        kind=np.where(np.arange(COUNT) < 30, "wrong", "fine"),
        why=("",) * COUNT,
        estimate=WrongShare(0.1, 0.1, 0.1, 0),
    )


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where an audit of them lies, in the folder that commands run in."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "out").mkdir()
    (tmp_path / "out/ranking.parquet").write_bytes(ranking_parquet(findings()))
    (tmp_path / "out/summary.json").write_bytes(summary_json(findings()))
    return tmp_path


def decide(folder: Path, decisions: Mapping[int, str], **other: str) -> None:
    """Write decisions.csv as the report does."""
    rows = ["fingerprint,id,label,decision,new_label"]
    for number, decision in decisions.items():
        label = other.get("label", ("cat", "dog")[number % 2])
        new = ("dog", "cat")[number % 2] if decision == "wrong" else ""
        rows.append(f"{other.get('fingerprint', 'f' * 64)},{number},{label},{decision},{new}")
    (folder / "decisions.csv").write_text("\n".join(rows) + "\n")


def truth(number: int) -> str:
    return "wrong" if number < 1030 else "right"


def next_rows(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((folder / "next.csv").open()))


def test_a_review_goes_from_list_to_list_until_it_may_stop(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Decided as next.csv says, step by step: it ends with a share around the true one of 10 %."""
    decisions = {1000: truth(1000)}
    for _ in range(4):
        decide(folder, decisions)
        assert main(["review", "decisions.csv", "--audit", "out", "--recall", "0.6"]) == 0
        said = capsys.readouterr().out
        if "you may stop" in said:
            break
        rows = next_rows(folder)
        assert {row["part"] for row in rows} <= {"list", "random"} and rows[0]["part"] == "random"
        decisions |= {int(row["id"]): truth(int(row["id"])) for row in rows}
    assert "you may stop" in said and "30 wrong" in said
    assert "share of wrong labels: 10 %, between 10 %" in said
    assert len(decisions) < COUNT


def test_without_the_random_part_the_share_is_not_known(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first of the random part is left out: what comes later in it does not count."""
    first = int(random_part(findings().ids, "f" * 64)[0])
    listed = {1000 + n: truth(1000 + n) for n in range(100) if 1000 + n != first}
    decide(folder, listed)
    assert main(["review", "decisions.csv", "--audit", "out"]) == 0
    said = capsys.readouterr().out
    assert "not known before the random part is decided" in said and "go on" in said
    assert sum(row["part"] == "random" for row in next_rows(folder)) > 20


@pytest.mark.parametrize(
    ("decisions", "other", "said"),
    [
        ({1000: "wrong"}, {"fingerprint": "e" * 64}, "the audit is of ffff"),
        ({7: "wrong"}, {}, "no id 7"),
        ({1000: "wrong"}, {"label": "horse"}, "no id 1000 labelled 'horse'"),
        ({1000: "bad"}, {}, "decision must be one of right, wrong, unsure, remove"),
    ],
)
def test_decisions_that_do_not_fit_are_refused_in_one_line(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    decisions: Mapping[int, str],
    other: Mapping[str, str],
    said: str,
) -> None:
    """Exit code 2 and nothing written."""
    decide(folder, decisions, **other)
    assert main(["review", "decisions.csv", "--audit", "out"]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
    assert not (folder / "next.csv").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "needs a file of decisions"),
        (["none.csv", "--audit", "out"], "there is no file none.csv"),
        (["decisions.csv", "--audit", "elsewhere"], "holds no audit"),
        (["decisions.csv", "--audit", "out", "--into", "decisions.csv"], "name a new file"),
        (["twice.csv", "--audit", "out"], "is decided twice"),
    ],
)
def test_what_is_not_there_is_said_in_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    decide(folder, {1000: "right"})
    both = (folder / "decisions.csv").read_text()
    (folder / "twice.csv").write_text(both + both.splitlines()[1].replace("right", "unsure") + "\n")
    assert main(["review", *arguments]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
    assert (folder / "decisions.csv").read_text() == both and not (folder / "next.csv").exists()


def test_a_copy_whose_label_looked_fine_is_of_the_kind_duplicate() -> None:
    """Of copies with one label the first stays fine, a wrong label stays wrong; the other one is named."""

    def group(ids: tuple[int, ...], relation: str, tests: tuple[str, ...] = ()) -> Group:
        return Group(ids, tuple(f"{n}.png" for n in ids), tests, False, relation, 0.97)  # type: ignore[arg-type]

    groups = (
        group((1001, 1101), "conflicting"),
        group((1102, 1104), "same label"),
        group((1200,), "test set", ("t.png",)),
    )
    came = with_duplicates(findings(), Duplicates(groups, 0.95, 0.9, 0.99, {"mirrored": 1.0, "cropped": 0.0}))
    kinds = {n: str(came.kind[n - 1000]) for n in (1001, 1101, 1102, 1104, 1200)}
    assert kinds == {1001: "wrong", 1101: "duplicate", 1102: "fine", 1104: "duplicate", 1200: "duplicate"}
    assert came.why[101] == "looks like 1001.png, under another label"
    assert came.why[104] == "looks like 1102.png" and came.why[200] == "looks like t.png of the test set"
    assert came.groups == groups and came.choice["planted copies found"] == "mirrored 100 %, cropped 0 %"
