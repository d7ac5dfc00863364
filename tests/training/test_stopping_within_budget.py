"""A run may have a budget and end early: both choices are kept, and the same command finds it again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from memest import cli
from memest.store import LocalBlobs, SheetReader

WORDS = (
    "--data digits --limit 100 --epochs 30 --seed 0 --corruption symmetric_noise(rate=0.1) "
    "--scores loss,input_gradient --max-overhead 0.3 --stop-when stable(agreement=0.5) --tracking offline"
)


def test_a_budget_and_an_early_end_go_together(capsys: pytest.CaptureFixture[str]) -> None:
    """It ends before its last epoch, measures gradients there, and is done the second time."""
    assert cli.main(["train", *WORDS.split()]) == 0
    assert "is done" in capsys.readouterr().out
    (folder,) = Path(".memest/runs").iterdir()
    blobs = LocalBlobs(folder / "local" / "blobs")
    stopped, plan = (json.loads(blobs.get(name)) for name in ("stopped.json", "plan.json"))
    assert stopped["epoch"] < stopped["epochs"] == 30
    assert plan
    sheet = SheetReader.open(blobs)
    for key in ("seen/loss", "input_gradient(norm=2)"):
        assert sheet.trace(key)[0][-1] == stopped["epoch"]
    assert cli.main(["train", *WORDS.split()]) == 0
    assert "was done before" in capsys.readouterr().out
    assert [path.name for path in Path(".memest/runs").iterdir()] == [folder.name]
