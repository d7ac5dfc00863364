"""The commands as functions: `memest.train`, `memest.score`, `memest.audit`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import memest
from memest.errors import InputError, UnknownNameError

SHORT = {"limit": 200, "epochs": 2, "device": "cpu"}


def test_a_run_is_trained_found_and_measured_again(tracked: dict[str, str]) -> None:
    """What is measured again, of a kept network, is what the training measured."""
    run = memest.train("digits", **SHORT, seed=np.int64(1), scores="loss", checkpoints="all", **tracked)
    (found,) = memest.find_runs(tracked["experiment"], tracking=tracked["tracking"])
    assert (run.id, run.name) == (found.id, found.name)
    assert run.tags.items() <= found.tags.items()
    again = memest.score(run, scores=["loss", "margin"], tracking=tracked["tracking"])
    np.testing.assert_array_equal(again.sheet.trace("loss")[1][-1], run.sheet.trace("loss")[1][-1])
    assert run.summary["csl"].shape == (200,)
    assert "margin" in again.sheet.manifest.scores


def test_audit_writes_its_lists(tmp_path: Path) -> None:
    """The folder that was named holds the list, and what is printed says so."""
    into = tmp_path / "out"
    found = memest.audit("digits", limit=200, model="tiny", epochs=1, folds=2, into=into, tracking="off")
    assert found.good
    assert (into / "issues.csv").exists()
    assert str(into) in str(found)


def test_settings_and_variables_are_checked_as_on_a_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """A setting that is not there, a variable that says what cannot be, several processes: refused."""
    with pytest.raises(UnknownNameError, match="epochs"):
        memest.train("digits", epoch=3)
    monkeypatch.setenv("MEMEST_RESUME_EVERY_EPOCH", "always")
    with pytest.raises(InputError, match="MEMEST_RESUME_EVERY_EPOCH is 1 or 0"):
        memest.audit("digits")
    monkeypatch.delenv("MEMEST_RESUME_EVERY_EPOCH")
    torchrun = {"RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"}
    for name, value in torchrun.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match="torchrun started 2"):
        memest.train("digits")
