"""Sets of runs: columns read one by one, joined by id, several runs at a time, wherever the artifacts lie."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np
import pytest

from memest.analysis.record import RunRecord
from memest.analysis.runset import AT_ONCE, RunSet, in_turns
from memest.errors import SheetError
from memest.store import LocalBlobs
from memest.testing import generated, truth_of

N = 50


def two_sheets(root: Path, later_ids: np.ndarray) -> RunRecord:
    """A run with csl, and a score run over `later_ids` that added csg and another csl."""
    truth = truth_of(np.arange(N) % 3, np.arange(N) < 5)
    run = generated(root, truth, {"csl": np.arange(N)})
    later = {name: column[np.argsort(np.argsort(later_ids))] for name, column in truth.items()}
    traces = {"loss": np.zeros((2, N))}
    added = generated(
        root, later | {"id": later_ids}, {"csg": 10 * later_ids, "csl": np.zeros(N)}, traces=traces
    )
    return RunRecord(run.id, run.name, run.tags, {}, run.blobs, {added.id: added.blobs})


def test_columns_that_score_added_are_joined_by_id(tmp_path: Path) -> None:
    """A later sheet in another order gives each example its own value; the run's own column comes first."""
    run = two_sheets(tmp_path, np.random.default_rng(0).permutation(N))
    columns = run.read(["csg", "csl", "id"])
    assert list(columns) == ["csg", "csl", "id"]
    np.testing.assert_array_equal(columns["csg"], 10 * columns["id"])
    np.testing.assert_array_equal(columns["csl"], columns["id"])
    assert run.summaries == ["csl", "csg"]
    for name, values in run.summary.items():
        np.testing.assert_array_equal(values, run.read([name])[name])


def test_other_examples_and_unknown_columns_are_refused(tmp_path: Path) -> None:
    """A score run of other ids is refused by name; so is a column that no sheet has."""
    with pytest.raises(SheetError, match="other examples"):
        two_sheets(tmp_path, np.arange(N) + 1).read(["csg"])
    with pytest.raises(SheetError, match="no column 'aum'"):
        two_sheets(tmp_path, np.arange(N)).read(["aum"])


def test_a_summary_that_was_not_stored_is_made_from_the_traces(tmp_path: Path) -> None:
    """Another setting, or a newer summary: of the run's own scores, or of what `score` added, by id."""
    run = two_sheets(tmp_path, np.random.default_rng(1).permutation(N))
    losses = np.arange(3 * N, dtype=np.float64).reshape(3, N)
    own = generated(tmp_path, truth_of(np.arange(N) % 3, np.arange(N) < 5), {}, traces={"loss": losses})
    np.testing.assert_allclose(own.read(["final_loss"])["final_loss"], losses[-1])
    np.testing.assert_allclose(run.read(["final_loss"])["final_loss"], np.zeros(N))
    np.testing.assert_allclose(own.read(["csl(start=2)"])["csl(start=2)"], losses[2:].sum(0))
    table = RunSet([run, own]).summary(["final_loss"])
    np.testing.assert_allclose(table["final_loss"], [*np.zeros(N), *losses[-1]])
    late = RunSet([run, own]).summary(["csl(start=2)"])["csl(start=2)"]
    assert np.isnan(late[:N]).all()  # its run has no epoch 2
    np.testing.assert_allclose(late[N:], losses[2])
    with pytest.raises(SheetError, match="none of 2 runs has a column 'csh', or measured the scores"):
        RunSet([run, own]).summary(["csh"])


def test_a_damaged_summary_is_refused_whatever_is_read(tmp_path: Path) -> None:
    """One bit of the table flipped: even one column of it is not given out."""
    run = generated(tmp_path, truth_of(np.arange(N) % 3, np.arange(N) < 5), {"csl": np.arange(N)})
    assert isinstance(run.blobs, LocalBlobs)
    path = run.blobs.path("sheet/summary.parquet")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(SheetError, match=r"summary\.parquet is damaged"):
        run.read(["csl"])


def test_several_are_worked_on_at_a_time_in_order() -> None:
    """Results come in the order of the items, never more than `AT_ONCE` are open, and some overlap."""
    lock, now, most = threading.Lock(), [0], [0]

    def work(item: int) -> int:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        time.sleep(0.02)
        with lock:
            now[0] -= 1
        return item * item

    assert in_turns(work, list(range(12))) == [item * item for item in range(12)]
    assert 1 < most[0] <= AT_ONCE
    assert in_turns(work, []) == []
