"""A store that is not there yet, and several trainings that begin in the same moment."""

from __future__ import annotations

from pathlib import Path

import pytest
from forked import Forked

from memest.analysis.queries import find_runs

pytestmark = pytest.mark.mlflow


def test_trainings_that_begin_together_make_one_store(tmp_path: Path) -> None:
    """MLflow's tables are made once, the other processes wait for them, and every run is there."""
    store = f"sqlite:///{tmp_path}/new.db"
    words = ["memest", "train", "--limit", "60", "--epochs", "1", "--tracking", store, "--experiment", "new"]
    together = [Forked([*words, "--seed", str(seed)], folder=tmp_path) for seed in range(3)]
    assert [one.wait(120) for one in together] == [0, 0, 0]
    assert len(find_runs("new", tracking=store)) == 3
