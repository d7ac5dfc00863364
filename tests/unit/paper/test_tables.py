"""The tables of the paper: joined by labels, judged as scikit-learn does, published numbers in place."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from memest.analysis import ANALYSES
from memest.analysis.agreement import SameLabels, overlap_matrix, seed_rows, spearman_matrix
from memest.analysis.columns import seconds
from memest.analysis.cross_architecture import cross_architecture
from memest.analysis.matched_runs import matched_runs
from memest.analysis.runset import RunSet
from memest.errors import NoRunsError
from memest.metrics import midranks
from memest.paper import published
from memest.paper.duplicates import duplicates, members
from memest.paper.mislabeled import mislabeled
from memest.testing import generated, truth_of

N = 300
PAPER = {"data": "cifar10", "model": "resnet18(width=64)", "epochs": 200}


def noisy(seed: int, classes: int = 10) -> dict[str, Any]:
    """The truth of a tenth of labels changed, another tenth for each seed, of the same true labels."""
    true = np.random.default_rng(1000).integers(0, classes, N)
    changed = np.zeros(N, bool)
    changed[np.random.default_rng(seed).choice(N, N // 10, replace=False)] = True
    return truth_of(np.where(changed, (true - 1) % classes, true), changed)


def finding(truth: dict[str, Any], strength: float, seed: int) -> np.ndarray:
    """A suspicion that is higher for changed labels by `strength` standard deviations."""
    return np.random.default_rng(seed).normal(size=N) + strength * truth["changed"]


def three_protocols(root: Path, seed: int = 0, labels: str = "a", **settings: Any) -> list[Any]:
    """A standard, a k-fold and a second-split run of one seed on the same labels."""
    truth = noisy(seed)
    tags = {"seed": str(seed), "fingerprint": labels * 64} | settings.pop("tags", {})
    csl = {
        "csl": finding(truth, 3, seed),
        "aum": -finding(truth, 2, seed + 50),
        "first_learned": truth["changed"],
    }
    fold = {"csl": np.zeros(N), "confident_learning": finding(truth, 1, seed + 100)}
    split = {"second_split_forgetting": finding(truth, 2, seed + 200)}
    return [
        generated(root, truth, csl, **settings, **tags),
        generated(root, truth, fold, **settings, **tags | {"protocol": "k_fold"}),
        generated(root, truth, split, **settings, **tags | {"protocol": "second_split"}),
    ]


def test_protocols_of_the_same_labels_make_one_trial(tmp_path: Path) -> None:
    """Detectors come from their own protocol's run, summaries from the standard run and from no other."""
    standard, fold, split = three_protocols(tmp_path)
    (trial,) = matched_runs(RunSet([split, fold, standard])).of
    found = {name: run.id for name, (run, _) in trial.methods().items()}
    assert found == {
        "csl": standard.id,
        "aum": standard.id,
        "first_learned": standard.id,
        "confident_learning": fold.id,
        "second_split_forgetting": split.id,
    }


def test_other_labels_are_kept_apart_and_named(tmp_path: Path) -> None:
    """A k-fold run on other labels than the standard run's is a trial of its own; the remark names both."""
    standard, _, _ = three_protocols(tmp_path, labels="a")
    _, fold, _ = three_protocols(tmp_path, labels="b")
    found = mislabeled(RunSet([standard, fold]))
    rows = found.tables["mislabeled_per_seed"]
    assert set(rows[rows.labels == "a" * 12].run) == {standard.id}
    assert set(rows[rows.labels == "b" * 12].method) == {"confident_learning"}
    for text in (standard.id, fold.id, "aaaaaaaa…", "bbbbbbbb…", "kept apart"):
        assert text in found.remark


def test_columns_are_joined_by_id(tmp_path: Path) -> None:
    """A run whose rows lie in another order is judged as if they lay in the same one."""
    truth = noisy(3)
    order = np.random.default_rng(1).permutation(N)
    values = finding(truth, 2, 0)
    moved = {name: column[order] for name, column in truth.items()}
    runs = [
        generated(tmp_path, truth, {"csl": values}),
        generated(tmp_path, moved, {"confident_learning": values[order]}, protocol="k_fold"),
    ]
    rows = mislabeled(RunSet(runs), paired=True).tables["mislabeled_per_seed"].set_index("method")
    assert rows.auroc["confident_learning"] == rows.auroc["csl"]
    assert rows.p_vs_csl["confident_learning"] == 1


def test_the_table_is_what_scikit_learn_computes(tmp_path: Path) -> None:
    """Mean and standard deviation over seeds of AUROCs computed by scikit-learn, aum's direction too."""
    runs = [run for seed in range(3) for run in three_protocols(tmp_path, seed)]
    table = mislabeled(RunSet(runs)).tables["mislabeled"].set_index("method")
    for name, sign in (("csl", 1), ("aum", -1), ("confident_learning", 1)):
        each = [
            roc_auc_score(run.summary["changed"], sign * run.summary[name])
            for run in runs
            if name in run.summaries and (name == "confident_learning") == (run.tags["protocol"] == "k_fold")
        ]
        assert len(each) == 3
        assert table.auroc[name] == pytest.approx(np.mean(each))
        assert table.spread[name] == pytest.approx(np.std(each, ddof=1))
        assert table.seeds[name] == 3
    assert table.runs["csl"].split(", ") == [run.id for run in runs[::3]]


def test_published_numbers_stand_beside_the_papers_cells_only(tmp_path: Path) -> None:
    """The paper's number needs its dataset, rate and recipe; what departs is said."""
    cells = {
        "whole": ("cifar10", "symmetric_noise(rate=0.05)", PAPER, 0.9870),
        "rate": ("cifar10", "symmetric_noise(rate=0.04)", PAPER, None),
        "short": ("cifar10", "symmetric_noise(rate=0.05)", PAPER | {"epochs": 30}, None),
        "digits": ("digits", "symmetric_noise(rate=0.05)", PAPER | {"data": "digits"}, None),
    }
    for dataset, corruption, config, wanted in cells.values():
        departs = published.departures(config | {"limit": 0}, 50_000, 10)
        value = None if departs else published.mislabeled(dataset, corruption, "csl")
        assert value == wanted
    assert published.departures(PAPER | {"epochs": 30}, 50_000, 10) == ["epochs 30, not 200"]
    assert "2,000 images" in published.departures(PAPER, 2_000, 10)[0]
    assert published.paper_dataset("npz(path='cifar100.npz')") == "CIFAR-100"
    run = generated(tmp_path, noisy(0), {"csl": np.arange(N)}, config=PAPER)
    assert mislabeled(RunSet([run])).tables["mislabeled"].published.isna().all()


def test_bootstrap_intervals_come_when_asked_for(tmp_path: Path) -> None:
    """The keyword of the analysis adds percentile intervals that hold the value; else there are none."""
    runs = RunSet(three_protocols(tmp_path))
    rows = ANALYSES.call("mislabeled(bootstrap=true, resamples=50)", runs).tables["mislabeled_per_seed"]
    assert ((rows.bootstrap_low <= rows.auroc) & (rows.auroc <= rows.bootstrap_high)).all()
    assert "bootstrap_low" not in ANALYSES.call("mislabeled", runs).tables["mislabeled_per_seed"]
    assert set(ANALYSES.call("mislabeled(methods=paper)", runs).tables["mislabeled"].method) == {
        "csl",
        "first_learned",
        "confident_learning",
        "second_split_forgetting",
    }


def test_costs_are_those_the_run_measured(tmp_path: Path) -> None:
    """A summary costs training, the shared pass and its own scores; seen/… training; a fold all of it."""
    spent = {"training": 100, "forward": 8, "forward_and_gradient": 20, "loss": 1, "curvature.probes-5": 300}
    spent |= {"input_gradient": 2, "input_gradient.norm-1": 4, "all_scoring": 40}
    metrics = {f"cost_seconds/{name}": float(value) for name, value in spent.items()}
    run = generated(tmp_path, noisy(0), {}, metrics=metrics)
    assert seconds(run, "csl") == 109
    assert seconds(run, "seen/csl") == 100
    assert seconds(run, "mean_curvature(probes=5)") == 420
    assert seconds(run, "loss_sensitivity") == 124
    assert seconds(run, "csg") == 122
    assert seconds(run, "confident_learning") == 140
    assert seconds(generated(tmp_path, noisy(0), {}), "csl") is None


def paired(seed: int, same_label: bool = False) -> dict[str, Any]:
    """The truth of twenty disjoint pairs: copies 0 … 19 show 20 … 39."""
    labels = np.random.default_rng(seed).integers(0, 10, N)
    changed, partners = np.zeros(N, bool), np.full(N, -1)
    changed[:40], partners[:20] = True, np.arange(20, 40)
    original = labels if same_label else np.where(np.arange(N) < 20, (labels + 1) % 10, labels)
    return truth_of(labels, changed, original_label=original, partner_id=partners)


def test_copies_and_twins_are_judged_apart(tmp_path: Path) -> None:
    """Each AUROC is scikit-learn's over the examples that remain when the other members are left out."""
    truth = paired(0)
    csl = np.random.default_rng(5).normal(size=N)
    csl[:20] += 3
    run = generated(tmp_path, truth, {"csl": csl}, corruption="conflicting_duplicates(pairs=20)")
    found = duplicates(RunSet([run])).tables["duplicates_per_seed"].set_index("target").auroc
    place = np.arange(N)
    assert found["both"] == pytest.approx(roc_auc_score(place < 40, csl))
    without_twins = (place < 20) | (place >= 40)
    assert found["copy"] == pytest.approx(roc_auc_score(place[without_twins] < 20, csl[without_twins]))
    assert found["twin"] == pytest.approx(roc_auc_score(place[20:] < 40, csl[20:]))
    copies, twins = members(truth, truth["id"])
    assert copies.sum() == twins.sum() == 20


def test_duplicates_and_noise_keep_to_their_tables(tmp_path: Path) -> None:
    """Runs with duplicates are no mislabel cells and the other way round; without any the error says so."""
    run = generated(
        tmp_path, paired(0, True), {"csl": np.arange(N)}, corruption="same_label_duplicates(pairs=20)"
    )
    noise = three_protocols(tmp_path)
    assert len(duplicates(RunSet([run, *noise])).sections) == 1
    with pytest.raises(NoRunsError, match="changed labels"):
        mislabeled(RunSet([run]))
    with pytest.raises(NoRunsError, match="duplicates"):
        duplicates(RunSet(noise))


def seeds_and_models(root: Path, seeds: int = 4) -> list[Any]:
    """Runs of two models on the same labels whose CSL shares a common part."""
    truth, common = noisy(0), np.random.default_rng(9).normal(size=N)
    return [
        generated(
            root,
            truth,
            {
                "csl": common + np.random.default_rng(100 * k + seed).normal(size=N),
                "aum": -common + np.random.default_rng(100 * k + seed).normal(size=N),
            },
            model=model,
            seed=str(seed),
        )
        for k, model in enumerate(("tiny", "vgg16"))
        for seed in range(seeds)
    ]


def test_agreement_is_what_scipy_computes(tmp_path: Path) -> None:
    """Rank correlations of all pairs equal scipy's; overlaps equal sets' intersections."""
    runs = seeds_and_models(tmp_path)
    pairs = cross_architecture(RunSet(runs)).tables["agreement_per_pair"]
    by_id = {run.id: run for run in runs}
    assert len(pairs) == 2 * len(list(combinations(runs, 2)))
    for row in pairs.itertuples():
        a, b = (by_id[run].summary[row.summary] for run in (row.run_a, row.run_b))
        assert row.rank == pytest.approx(spearmanr(a, b).statistic)
        sign = 1 if row.summary == "csl" else -1
        first, second = (set(np.argsort(-sign * values)[: N // 20].tolist()) for values in (a, b))
        assert row.overlap == pytest.approx(len(first & second) / (N // 20))


def test_more_seeds_make_the_top_more_stable(tmp_path: Path) -> None:
    """All seeds agree with themselves; two seeds agree with two others better than one with one other."""
    group = SameLabels(seeds_and_models(tmp_path, seeds=4)[:4])
    rows = list(seed_rows(group, "csl", 0.1))
    assert [row["seeds"] for row in rows] == [1, 2, 3, 4]
    assert rows[-1]["with_all"] == 1
    assert rows[0]["with_all"] < rows[2]["with_all"]
    assert rows[0]["with_others"] < rows[1]["with_others"]
    assert np.isnan(rows[2]["with_others"])


def test_a_constant_agrees_with_nothing() -> None:
    """Runs that rank nothing have a correlation of 0, and of the top no more in common than by chance."""
    ranks = np.stack([midranks(values) for values in (np.zeros(4), np.zeros(4), np.arange(4))])
    assert spearman_matrix(ranks)[0, 1] == spearman_matrix(ranks)[0, 2] == 0
    assert overlap_matrix(ranks, 1)[0].tolist() == [1, 0.25, 0.25]


def test_agreement_needs_two_runs_of_the_same_labels(tmp_path: Path) -> None:
    """Runs of different labels are not compared, and the error says what to do."""
    runs = [
        generated(tmp_path, noisy(seed), {"csl": np.arange(N)}, fingerprint=str(seed) * 64) for seed in (1, 2)
    ]
    with pytest.raises(NoRunsError, match="--corruption-seed"):
        cross_architecture(RunSet(runs))
