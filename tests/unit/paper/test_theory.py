"""The tables of theory and the galleries, from generated runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from generated_runs import RNG, N, truth

from memest.analysis.galleries import extremes, galleries
from memest.analysis.runset import RunSet
from memest.errors import NoRunsError
from memest.paper.theory import bin_means, theory
from memest.references import Reference, write_values
from memest.testing import generated


def test_bins_hold_every_example_and_their_means() -> None:
    """Counts and means equal those of a loop over examples; the greatest value lies in the last bin."""
    x, y = RNG(0).exponential(size=N), RNG(1).normal(size=N)
    edges, means, counts = bin_means(x, y, 15)
    place = [min(int((v - x.min()) / (x.max() - x.min()) * 15), 14) for v in x]
    for bin_, mean in enumerate(means):
        inside = [y[n] for n in range(N) if place[n] == bin_]
        assert counts[bin_] == len(inside)
        assert np.isnan(mean) if not inside else mean == pytest.approx(np.mean(inside))
    assert counts.sum() == N
    assert edges[[0, -1]].tolist() == [0, 1]


def test_expectations_are_means_over_seeds(tmp_path: Path) -> None:
    """What is binned is the mean of the runs of one set of labels; figures are painted for every pair."""
    values = [RNG(seed).random(N) for seed in range(3)]
    traces = {"loss": RNG(9).random((4, N)), "input_gradient(norm=2)": RNG(8).random((4, N))}
    runs = [
        generated(tmp_path, truth(), {"csl": v, "learning_time": 1 - v}, traces=traces, seed=str(seed))
        for seed, v in enumerate(values)
    ]
    found = theory(RunSet(runs), bins=5)
    table = found.tables["theory"]
    assert set(zip(table.x, table.y, strict=True)) == {("learning_time", "csl"), ("csl", "learning_time")}
    _, means, counts = bin_means(np.mean(values, 0), 1 - np.mean(values, 0), 5)
    mine = table[table.x == "csl"]
    np.testing.assert_allclose(mine["mean"], means)
    assert mine["count"].tolist() == counts.tolist()
    assert mine.pearson.iloc[0] == pytest.approx(-1)
    (section,) = found.sections
    assert {picture.name for picture in section.pictures} == {
        "traces-0",
        "histogram-csl-0",
        "histogram-learning_time-0",
        "csl-learning_time-0",
        "learning_time-csl-0",
    }


def test_a_run_without_gradients_is_named(tmp_path: Path) -> None:
    """Without input_gradient there is no learning time: the remark names the run and the way out."""
    runs = [generated(tmp_path, truth(), {"csl": RNG(0).random(N)})]
    found = theory(RunSet(runs))
    assert f"Run {runs[0].id} lacks input_gradient and curvature" in found.remark
    with pytest.raises(NoRunsError, match="does not have csl"):
        theory(RunSet([generated(tmp_path, truth(), {"aum": RNG(0).random(N)})]))


def test_memorization_comes_from_the_reference(tmp_path: Path) -> None:
    """With a reference its values are binned, of the examples whose labels were not changed."""
    facts, values = truth(), RNG(4).random(N)
    reference = Reference("mine", facts["id"], values, True, facts["original_label"], "generated")
    write_values(tmp_path / "mine.npz", reference)
    run = generated(tmp_path, facts, {"csl": values, "learning_time": RNG(5).random(N)})
    found = theory(RunSet([run]), reference=f"values_file(path={str(tmp_path / 'mine.npz')!r})")
    part = found.tables["theory"].set_index(["x", "y"]).loc[("memorization", "csl")]
    assert part["count"].sum() == N - facts["changed"].sum()
    assert part.pearson.iloc[0] == pytest.approx(1)
    assert len(found.sources) == 1


def test_galleries_hold_both_ends_of_each_class(tmp_path: Path) -> None:
    """Highest and lowest of a class are those of the mean rank over runs; rows are equally long."""
    facts = truth()
    values = [RNG(seed).random(N) for seed in (1, 2)]
    runs = RunSet([generated(tmp_path, facts, {"csl": v}, seed=str(n)) for n, v in enumerate(values)])
    table = extremes(runs, "csl", 3, 2)
    rank = sum(np.argsort(np.argsort(v)) for v in values)
    for label in range(2):
        mine = np.flatnonzero(facts["label"] == label)
        mine = mine[np.argsort(rank[mine], kind="stable")]
        shown = table[table.label == f"class {label}"]
        assert set(rank[shown[shown.end == "highest"].id]) == set(rank[mine[-3:]])
        assert set(rank[shown[shown.end == "lowest"].id]) == set(rank[mine[:3]])
    found = galleries(runs, count=3, classes=2)
    (section,) = found.sections
    assert [picture.name for picture in section.pictures] == ["highest-0", "lowest-0"]
    assert found.tables["galleries"].groupby("end").size().to_dict() == {"highest": 6, "lowest": 6}
