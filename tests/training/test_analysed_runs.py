"""Runs of a real store that are analysed together."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from short_runs import training

from analysis import anytime
from memest.analysis.queries import find_runs
from memest.errors import DataError, NoRunsError
from memest.grammar.config import build
from memest.stages import analyze, train

pytestmark = pytest.mark.mlflow


def test_a_query_without_runs_says_why(sealed: dict[str, str]) -> None:
    """The condition that removed the last run is named, with the values there are."""
    train.train(training(**sealed))
    with pytest.raises(NoRunsError, match=r"seed=7 removed the last run .* model=tiny, seed is 0"):
        analyze.analyze(build(analyze.AnalyzeConfig, sealed | {"where": "model=tiny, seed=7"}))


def test_runs_of_another_recipe_are_not_averaged(tracked: dict[str, str]) -> None:
    """Only runs that differ in seeds share a row; another learning rate is another group."""
    for settings in ({"seed": 0}, {"seed": 1}, {"seed": 0, "lr": 0.01}):
        train.train(training(**settings, **tracked))
    text = analyze.analyze(build(analyze.AnalyzeConfig, tracked)).text
    assert sorted(re.findall(r"(\d) runs?:", text)) == ["1", "2"]


def test_runs_without_a_loss_are_analysed_too(tracked: dict[str, str]) -> None:
    """A run that measured margins only is judged by what it has, and ranked with what all runs share."""
    train.train(training(scores="margin", **tracked, seed=0, corruption_seed=0))
    train.train(training(**tracked, seed=1, corruption_seed=0))
    text = analyze.analyze(build(analyze.AnalyzeConfig, tracked)).text
    assert "2 runs:" in text
    assert "\naum " in text


def test_one_seed_is_one_seed_however_often_it_was_measured(tracked: dict[str, str]) -> None:
    """The same training with other scores is joined to the first: it is no further seed."""
    train.train(training(scores="margin", **tracked))
    train.train(training(**tracked))
    text = analyze.analyze(build(analyze.AnalyzeConfig, tracked)).text
    assert "1 run:" in text
    assert "\ncsl " in text
    assert "\naum " in text


def test_how_early_a_score_ranks_is_kept_of_each_run(tracked: dict[str, str], tmp_path: Path) -> None:
    """The last value of every curve is the AUROC by which the run judged itself."""
    for seed in (0, 1):
        train.train(training(**tracked, seed=seed))
    runs = find_runs(tracked["experiment"], tracking=tracked["tracking"])
    anytime.collect(runs, tmp_path, "mine", "smoke", "abc123")
    (kept,) = anytime.read_kept(tmp_path)
    rows = {row["run"]: row for row in (run.row() for run in runs)}
    for run in kept["runs"]:
        assert len(run["curves"]["csl"]) == int(run["epochs"])
        for name, curve in run["curves"].items():
            assert curve[-1] == pytest.approx(rows[run["run"]][f"auroc/{name}"], abs=1e-5)
    anytime.write_page(tmp_path / "page.md", tmp_path, [kept])
    assert "2 seeds" in (tmp_path / "page.md").read_text()
    assert (tmp_path / "anytime-mine.smoke.png").stat().st_size > 10_000
    train.train(training(**tracked, model="tiny(width=8)"))
    both = find_runs(tracked["experiment"], tracking=tracked["tracking"])
    with pytest.raises(DataError, match=r"differ in model \(tiny, tiny\(width=8\)\).* --where 'model=tiny'"):
        anytime.collect(both, tmp_path, "both", "smoke", "abc123")
    assert not (tmp_path / "both.smoke.json").exists()
