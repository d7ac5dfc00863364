"""The commands as functions: `memest.train`, `memest.score`, `memest.audit`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import memest
from memest.errors import UnknownNameError

SHORT = {"data": "digits", "limit": 200, "epochs": 2, "device": "cpu"}


def test_train_and_score_give_their_sheets(tracked: dict[str, str]) -> None:
    """What is measured again, of a kept network, is what the training measured."""
    trained = memest.train(**SHORT, scores="loss", checkpoints="all", **tracked)
    (run,) = memest.find_runs(tracked["experiment"], tracking=tracked["tracking"])
    again = memest.score(run=run.id, scores="loss, margin", tracking=tracked["tracking"])
    np.testing.assert_array_equal(again.trace("loss")[1][-1], trained.trace("loss")[1][-1])
    assert trained.summary()["csl"].shape == (200,)
    assert "margin" in again.manifest.scores


def test_audit_writes_its_lists(tmp_path: Path) -> None:
    """The folder that was named holds the list, and the verdict says so."""
    verdict = memest.audit(
        data="digits", limit=200, model="tiny", epochs=1, folds=2, into=str(tmp_path / "out"), tracking="off"
    )
    assert verdict.good
    assert (tmp_path / "out" / "issues.csv").exists()


def test_settings_are_checked_as_on_a_command_line() -> None:
    """A setting that is not there is named with those that are near."""
    with pytest.raises(UnknownNameError, match="epochs"):
        memest.train(epoch=3)
