"""An audit on a machine that turns out slower than it was when its budget was planned."""

from __future__ import annotations

import itertools
import json
import re
import shlex
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from memest.cli import main
from memest.runs import audit_folds
from memest.runs.audit_plan import Price
from memest.scores import OnlineScores

AUDIT = shlex.split("audit digits --limit 120 --model tiny(width=4) --folds 3 --budget 3s --tracking offline")
FILES = ("issues.csv", "issues.parquet", "ranking.parquet", "summary.json", "report.html")
SLOW = 0.2
take = OnlineScores.take


def slowed(monkeypatch: pytest.MonkeyPatch, dies_at: int = 0) -> None:
    """Every epoch takes longer by some seconds, after the machine was measured; one may be interrupted."""
    calls = itertools.count(1)

    def slow(self: OnlineScores, *arguments: Any) -> Any:
        time.sleep(SLOW)
        if next(calls) == dies_at:
            raise KeyboardInterrupt
        return take(self, *arguments)

    monkeypatch.setattr(OnlineScores, "take", slow)


def test_a_slower_machine_trains_fewer_epochs_within_the_budget(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Sixty epochs were planned, which would take twelve seconds: three are kept, and what was cut is said.

    Interrupted on the way and repeated, it goes on; and what was decided is done again to the byte, by a
    machine that is fast.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MEMEST_RESUME_EVERY_EPOCH", "1")
    monkeypatch.setenv("MEMEST_HOME", "slow")
    monkeypatch.setattr(audit_folds, "measured_price", lambda *_: Price(0.01))
    slowed(monkeypatch, dies_at=3)
    assert main([*AUDIT, "--into", "slow-out"]) == 130
    slowed(monkeypatch)
    assert main([*AUDIT, "--into", "slow-out"]) == 0
    said = capsys.readouterr().out
    choice = json.loads(Path("slow-out/summary.json").read_bytes())["choice"]
    *epochs, planned = map(int, re.findall(r"\d+", choice["epochs"]))
    assert (len(epochs), planned) == (3, 20) and 3 <= sum(epochs) <= 3 / SLOW + 3
    assert choice["why fewer epochs"] in said and choice["why fewer epochs"] in page("slow-out")
    assert "the same again" not in said
    assert logged("slow", "wrong_share") == logged("slow", "cost_seconds/training") == max(epochs)

    monkeypatch.setattr(OnlineScores, "take", take)
    decided_again("slow", "fast")
    monkeypatch.setenv("MEMEST_HOME", "fast")
    assert main([*AUDIT, "--into", "fast-out"]) == 0
    assert written("slow-out") == written("fast-out")


def test_killed_after_its_last_epoch_the_network_is_the_trained_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part that was cut, and died before its probabilities were kept, predicts as if it had not died."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MEMEST_HOME", "died")
    monkeypatch.setattr(audit_folds, "measured_price", lambda *_: Price(0.01))
    slowed(monkeypatch)

    def dying(*arguments: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as once:
        once.setattr("memest.stages.train.keep_part", dying)
        assert main([*AUDIT, "--into", "died-out"]) == 130
    assert main([*AUDIT, "--into", "died-out"]) == 0
    monkeypatch.setattr(OnlineScores, "take", take)
    decided_again("died", "whole")
    monkeypatch.setenv("MEMEST_HOME", "whole")
    assert main([*AUDIT, "--into", "whole-out"]) == 0
    assert written("died-out") == written("whole-out")


def decided_again(before: str, after: str) -> None:
    """Give another home what was planned, and what the audit in the first one decided and then forgot."""
    shutil.copytree(f"{before}/plans", f"{after}/plans")
    assert not [*Path(after, "plans").glob("*.epochs.json")]
    (kept,) = Path(before).rglob("audit_epochs.json")
    for name, decided in json.loads(kept.read_bytes()).items():
        Path(after, "plans", name).write_text(json.dumps(decided))


def logged(home: str, metric: str) -> int:
    """The epoch at which the audit logged a metric."""
    (kept,) = Path(home).rglob("audit_epochs.json")
    entries = map(json.loads, (kept.parent.parent / "entries.jsonl").read_text().splitlines())
    (step,) = {one["step"] for one in entries if one["kind"] == "metrics" and metric in one["values"]}
    return int(step)


def written(folder: str) -> dict[str, bytes]:
    """What an audit wrote into its folder."""
    return {name: Path(folder, name).read_bytes() for name in FILES}


def page(folder: str) -> str:
    """The report, as its words are written."""
    return Path(folder, "report.html").read_text()
