"""Detection and mislabeled read what runs stored of their evaluation; from columns they find the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from memest.analysis.detection import detection
from memest.analysis.record import RunRecord
from memest.analysis.runset import RunSet
from memest.errors import SheetError
from memest.paper.mislabeled import mislabeled
from memest.store import LocalBlobs
from memest.testing import generated, truth_of

N = 400
TRUE = np.random.default_rng(0).integers(0, 5, N)


def runs_of(root: Path, evaluated: bool) -> list[RunRecord]:
    """Three seeds of three protocols; what a later score run added to the first is joined to it."""
    made = []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        changed = rng.permutation(N) < 40
        truth = truth_of(np.where(changed, (TRUE - 1) % 5, TRUE), changed)
        axes = {"seed": str(seed), "fingerprint": str(seed) * 64, "source": "a" * 16}

        def noisy(strength: float, changed: Any = changed, rng: Any = rng) -> Any:
            return rng.normal(size=N) + strength * changed

        protocols = {
            "standard": {"csl": noisy(2), "aum": -noisy(1), "first_learned": noisy(2).round()},
            "k_fold": {"csl": noisy(0), "confident_learning": noisy(1.5)},
            "second_split": {"second_split_forgetting": noisy(1).round()},
        }
        for protocol, values in protocols.items():
            tags = axes | {"protocol": protocol}
            made.append(generated(root, truth, values, evaluated=evaluated, **tags))
        if seed == 0:
            later = generated(root, truth, {"csg": noisy(1)}, evaluated=evaluated, **axes)
            made[0] = RunRecord(**vars(made[0]) | {"further": {later.id: later.blobs}})
    return made


def numbers(table: pd.DataFrame) -> pd.DataFrame:
    """A table without the ids of runs, which differ."""
    return table.drop(columns=[name for name in ("run", "runs") if name in table])


@pytest.mark.parametrize("analysis", [detection, mislabeled])
def test_stored_and_evaluated_from_columns_are_the_same(tmp_path: Path, analysis: Any) -> None:
    """To 1e-9, every number of every table."""
    stored = analysis(RunSet(runs_of(tmp_path / "stored", True)))
    columns = analysis(RunSet(runs_of(tmp_path / "columns", False)))
    for name, table in stored.tables.items():
        pd.testing.assert_frame_equal(numbers(table), numbers(columns.tables[name]), rtol=0, atol=1e-9)


@pytest.mark.parametrize("analysis", [detection, mislabeled])
def test_no_column_is_read_of_what_was_stored(tmp_path: Path, analysis: Any) -> None:
    """Runs whose tables of examples are gone give all numbers; a picture of them is what fails."""
    runs = runs_of(tmp_path, True)
    for path in tmp_path.rglob("*.parquet"):
        path.unlink()
    finding = analysis(RunSet(runs))
    assert "csl" in finding.text()
    with pytest.raises(SheetError, match="summary"):
        runs[0].read(["csl"])


def test_a_bound_is_no_less_than_the_paired_test(tmp_path: Path) -> None:
    """Where csl is of another run, p has a bound that the table marks; `paired` gives its own."""
    runs = RunSet(runs_of(tmp_path, True))
    bound = mislabeled(runs).tables["mislabeled_per_seed"].set_index(["seed", "method"])
    exact = mislabeled(runs, paired=True).tables["mislabeled_per_seed"].set_index(["seed", "method"])
    assert not exact.p_is_bound.any()
    apart = bound[bound.p_is_bound]
    assert set(apart.index.get_level_values("method")) == {
        "confident_learning",
        "second_split_forgetting",
        "csg",
    }
    for place, row in bound[bound.p_vs_csl.notna()].iterrows():
        wanted = exact.p_vs_csl[place]
        assert row.p_vs_csl >= wanted if row.p_is_bound else row.p_vs_csl == pytest.approx(wanted, rel=1e-6)
    assert "≤" in mislabeled(runs).text()
    assert "≤" not in mislabeled(runs, paired=True).text()


def test_bytes_of_a_run_are_its_own(tmp_path: Path) -> None:
    """The evaluation is judged from the run's own sheet, then from what `score` added."""
    run = runs_of(tmp_path, True)[0]
    assert isinstance(run.blobs, LocalBlobs)
    assert run.summaries == ["csl", "aum", "first_learned", "csg"]
    assert [list(found.found) for found in run.evaluations] == [["csl", "aum", "first_learned"], ["csg"]]
