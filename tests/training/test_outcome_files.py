"""What a command reports to its parent: each state, whatever the command prints."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

from memest.cli import main
from memest.outcome import VARIABLE, Outcome, read_outcome

WORDS = ["train", "--tracking=off", "--data=digits", "--limit=100", "--scores=loss"]
Reported = Callable[..., Outcome]


@pytest.fixture(params=["as it is", "reworded"])
def reported(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Reported:
    """Runs a command that is asked for its outcome, and reads that; also with other words on its output."""
    if request.param == "reworded":
        monkeypatch.setattr("builtins.print", lambda *_, **__: None)

    def run(*more: str) -> Outcome:
        file = Path("outcome.json").absolute()
        file.unlink(missing_ok=True)
        monkeypatch.setenv(VARIABLE, str(file))
        return read_outcome(file, main([*WORDS, *more]), "no outcome")

    return run


def test_every_state_is_reported(reported: Reported) -> None:
    """Done with its run, done before, busy, failed and refused with the reason: no text is read."""
    first = reported("--epochs=1")
    assert (first.state, first.code) == ("done", 0)
    assert Path(first.run).is_dir()
    assert reported("--epochs=1") == Outcome("done before", 0, first.run)
    with FileLock(Path(first.run).parent / "lock"):
        busy = reported("--epochs=1")
    assert (busy.state, busy.code, busy.run) == ("busy", 0, "")
    assert "another process is at work" in busy.message
    failed = reported("--epochs=1", "--lr=1e30")
    assert (failed.state, failed.code) == ("failed", 1)
    assert "not finite at epoch 1" in failed.message
    refused = reported("--modle=tiny")
    assert (refused.state, refused.code) == ("refused", 2)
    assert "--model" in refused.message
