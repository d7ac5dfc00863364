"""The ledger: what goes into which cell, and what its page says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from generated_runs import RNG, N, truth
from scipy.stats import spearmanr

from memest.analysis.cross_architecture import cross_architecture
from memest.analysis.runset import RunSet
from memest.analysis.similarity import similarity
from memest.errors import DataError
from memest.paper import published
from memest.paper.cells import ledger_entries
from memest.paper.ledger import LedgerEntry, read_entries, write_entries
from memest.paper.ledger_page import EMPTY, page, paper_cells
from memest.paper.mislabeled import mislabeled
from memest.summaries import needs_of
from memest.testing import generated, truth_of


def papers_runs(root: Path) -> RunSet:
    """Two seeds at another scale on a dataset of the paper's name."""
    return RunSet(
        [
            generated(
                root,
                truth(),
                {"csl": RNG(seed).random(N), "mean_curvature(probes=2)": RNG(seed + 9).random(N)},
                config={"data": "cifar100", "model": "resnet18(width=16)"},
                dataset="cifar100",
                corruption="symmetric_noise(rate=0.05)",
                model="resnet18(width=16)",
                seed=str(seed),
                fingerprint=str(seed) * 64,
            )
            for seed in range(2)
        ]
    )


def test_the_ledger_is_made_from_its_files(tmp_path: Path) -> None:
    """Entries survive the JSON; each paper cell is there once, with ours beside it or visibly empty."""
    runs = papers_runs(tmp_path)
    found = ledger_entries(mislabeled(runs), runs, "smoke", "abc1234")
    write_entries(tmp_path / "results" / "mislabeled.json", found)
    kept = read_entries(tmp_path / "results")
    assert sorted(kept, key=str) == sorted(found, key=str)
    text = page(kept)
    lines = [line for line in text.splitlines() if line.startswith(("| CIFAR", "| ImageNet"))]
    assert len(lines) == sum(
        len(list(paper_cells(table))) for table in ("mislabeled", "duplicates", "similarity")
    )
    full = [line for line in lines if EMPTY not in line]
    assert len(full) == 2
    assert text.index("## What was found") < text.index(full[0]) < text.index(EMPTY)
    assert EMPTY not in text.partition("## Cells of the paper that nobody has run")[0]
    (csl,) = (line for line in full if "CIFAR-100, 5 %, CSL" in line)
    for part in ("0.9895", "abc1234", "`run", "epochs 30, not 200", "| 2 |", "200 images in 4 classes"):
        assert part in csl
    assert "mean_curvature(probes=2)" in next(line for line in full if "Curvature" in line)


def test_similarity_goes_into_the_papers_cells(tmp_path: Path) -> None:
    """With Feldman and Zhang beside the paper; with others, and of baselines, in cells of their own."""
    facts, values = truth_of(RNG(0).integers(0, 4, N), np.zeros(N, bool)), RNG(4).random(N)
    axes = {"dataset": "cifar100", "corruption": "none", "fingerprint": "0" * 64}
    runs = [
        generated(
            tmp_path,
            facts,
            {
                "csl": values + seed * RNG(seed).random(N),
                "loss_sensitivity": RNG(seed + 5).random(N),
                "loss_sensitivity(norm=2)": RNG(seed + 6).random(N),
                "mean_curvature(probes=2)": RNG(seed + 7).random(N),
            },
            seed=str(seed),
            **axes,
        )
        for seed in (0, 1)
    ]
    np.savez(tmp_path / "fz.npz", tr_labels=facts["original_label"], tr_mem=values)
    np.savez(tmp_path / "c.npz", labels=facts["original_label"], scores=1 - values)
    pearson = np.mean([np.corrcoef(run.summary["csl"], values)[0, 1] for run in runs])
    for kind, file, dataset, column in (
        ("feldman_zhang", "fz.npz", "CIFAR-100", "all, Pearson"),
        ("c_scores", "c.npz", "", "c_scores, all, Pearson"),
    ):
        reference = f"{kind}(path={str(tmp_path / file)!r})"
        found = ledger_entries(
            similarity(RunSet(runs), reference=reference, top=50), RunSet(runs), "smoke", "abc1234"
        )
        cells = {(entry.dataset, entry.column, entry.method): entry for entry in found}
        assert len(cells) == len(found)
        entry = cells[dataset, column, "CSL"]
        assert entry.value == pytest.approx(pearson, abs=1e-5)
        assert (entry.seeds, entry.runs) == (2, tuple(run.id for run in runs))
        assert entry.spread is not None
        bent = "Curvature" if dataset else "Curvature, mean_curvature(probes=2)"
        methods = {method for _, _, method in cells}
        assert methods == {"CSL", "Loss sensitivity", bent, "constant", "permutation"}
        assert "mean_curvature(probes=2)" in cells[dataset, column, bent].reason
        assert "loss_sensitivity" not in cells[dataset, column, "Loss sensitivity"].reason
        assert any("top 50, cosine" in column for _, column, _ in cells)
        for null in ("constant", "permutation"):  # the same images: one calculation, not one for each seed
            once = cells[dataset, column.replace("Pearson", "cosine"), null]
            assert (once.seeds, once.spread) == (0, None)
            assert f"| {null} | {once.value:.4f} | no seed |" in page(found)


def test_agreement_goes_into_cells_of_our_own(tmp_path: Path) -> None:
    """One cell for each pair of models, the mean over pairs of runs, with all runs that are in it."""
    values = [RNG(seed).random(N) for seed in range(4)]
    models = ["resnet18", "resnet18", "vgg16", "vgg16"]
    runs = [
        generated(tmp_path, truth(), {"csl": v}, model=model, seed=str(n % 2))
        for n, (v, model) in enumerate(zip(values, models, strict=True))
    ]
    found = {
        entry.column: entry
        for entry in ledger_entries(cross_architecture(RunSet(runs)), RunSet(runs), "smoke", "abc1234")
    }
    (across,) = (entry for column, entry in found.items() if " and " in column)
    assert len(found) == 3
    assert (across.seeds, across.pairs, len(across.runs), across.method) == (2, 4, 4, "csl")
    assert f"± {across.spread:.4f} over pairs | 2 (4 pairs) |" in page([across])
    wanted = [spearmanr(values[a], values[b]).statistic for a in (0, 1) for b in (2, 3)]
    assert across.value == pytest.approx(np.mean(wanted), abs=1e-5)


def test_noise_and_folds_are_not_the_papers_similarity(tmp_path: Path) -> None:
    """Runs on changed labels do not stand in the paper's cells, whatever the reference."""
    facts, values = truth(), RNG(4).random(N)
    run = generated(
        tmp_path, facts, {"csl": values}, dataset="cifar100", corruption="symmetric_noise(rate=0.05)"
    )
    np.savez(tmp_path / "fz.npz", tr_labels=facts["original_label"], tr_mem=values)
    reference = f"feldman_zhang(path={str(tmp_path / 'fz.npz')!r})"
    found = ledger_entries(
        similarity(RunSet([run]), reference=reference, top=50), RunSet([run]), "smoke", "abc1234"
    )
    assert {entry.dataset for entry in found} == {""}


def test_the_page_is_that_of_the_results() -> None:
    """docs/reproduction.md is what `python -m analysis.ledger` makes of analysis/results."""
    root = Path(__file__).parents[3]
    kept = read_entries(root / "analysis" / "results")
    assert (root / "docs" / "reproduction.md").read_text() == page(kept)


def test_no_number_without_its_runs(tmp_path: Path) -> None:
    """An entry without run ids is refused when it is made and when it is read; so is a damaged file."""
    runs = papers_runs(tmp_path)
    (entry, *_) = ledger_entries(mislabeled(runs), runs, "smoke", "abc1234")
    path = tmp_path / "results" / "x.json"
    write_entries(path, [entry])
    content = json.loads(path.read_text())
    content["entries"][0]["runs"] = []
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match="names no run"):
        read_entries(path.parent)
    path.write_text("{}")
    with pytest.raises(DataError, match="not a ledger file"):
        read_entries(path.parent)
    with pytest.raises(DataError, match="names no run"):
        LedgerEntry(
            "mislabeled", "", "5 %", "CSL", 0.9, None, 1, 0, "smoke", "digits", "", "2", "abc", (), ""
        )


@pytest.mark.parametrize(("measured", "departs"), [(30, False), (7, True)])
def test_gradients_at_few_epochs_depart_from_the_paper(tmp_path: Path, measured: int, departs: bool) -> None:
    """The paper measures them at every epoch: methods made from gradients say so, the others do not."""
    values = {"csl": RNG(0).random(N), "mean_curvature": RNG(1).random(N), "learning_time": RNG(2).random(N)}
    keys = {need for name in values for need in needs_of(name)}
    traces = {key: RNG(3).random((measured + 1, N)) for key in keys}
    run = RunSet([generated(tmp_path, truth(), values, traces)])
    reasons = {
        entry.method: entry.reason for entry in ledger_entries(mislabeled(run), run, "smoke", "abc1234")
    }
    text = f"gradients measured at {measured} of 30 epochs"
    assert {name: text in reason for name, reason in reasons.items()} == {
        "CSL": False,
        "Curvature": departs,
        "learning_time": departs,
    }


def test_one_run_does_not_outrank_means_over_more() -> None:
    """However high, what rests on fewer seeds is named apart, and stands below in its table."""
    made = [
        LedgerEntry(
            "mislabeled",
            "",
            "5 %",
            method,
            value,
            None,
            seeds,
            0,
            "small",
            "digits",
            "",
            "2",
            "abc",
            runs,
            "",
        )
        for method, value, seeds, runs in (("aum", 0.9, 1, ("a",)), ("CSL", 0.7, 2, ("a", "b")))
    ]
    text = page(made)
    assert "highest CSL 0.7000; on fewer than 2 seeds: aum." in text
    assert text.index("| CSL | 0.7000") < text.index("| aum | 0.9000")


def test_variants_of_the_released_code_are_named() -> None:
    """Second-split forgetting of the paper's table is another formula in its code; so the ledger says."""
    for table in ("mislabeled", "duplicates"):
        assert "second_split_mean_correct" in published.NOTES[table, "SSFT"]
        assert "confident_learning_truncated" in published.NOTES[table, "CL"]


def test_definitions_and_images_are_in_the_entry(tmp_path: Path) -> None:
    """Runs of older definitions, or of other images, are not in one table with those of others."""
    made = []
    for number, tags in enumerate(
        [{"scores_version": "1"}, {"scores_version": "2"}, {"source": "abcdef0123"}]
    ):
        run = generated(tmp_path, truth(), {"csl": RNG(number).random(N)}, **tags)
        made += ledger_entries(mislabeled(RunSet([run])), RunSet([run]), "smoke", "abc1234")
    assert [one.definitions for one in made] == ["1", "2", ""]
    assert made[2].source == "abcdef0123"
    text = page(made)
    assert text.partition("## Cells of the paper")[0].count("## Mislabel detection") == 3
    for part in ("definitions of scores 1", "definitions of scores 2", "unnumbered", "source abcdef01"):
        assert part in text


def test_cells_that_the_paper_has_not_are_kept(tmp_path: Path) -> None:
    """A result on digits stands in a table of its own, with its runs."""
    facts = truth()
    run = generated(tmp_path, facts, {"csl": RNG(0).random(N)})
    text = page(ledger_entries(mislabeled(RunSet([run])), RunSet([run]), "smoke", "abc1234"))
    ours = text.partition("## How to read it")[2].partition("## Cells of the paper")[0]
    assert f"`{run.id[:8]}`" in ours
    assert "Beside the paper's cells" not in text


def test_the_papers_tables_are_whole() -> None:
    """Every dataset has every method, and every method a value for every rate."""
    for dataset in ("CIFAR-10", "CIFAR-100"):
        assert (
            list(published.MISLABELED[dataset])
            == list(published.METHODS)
            == list(published.DUPLICATES[dataset])
        )
        assert {len(values) for values in published.MISLABELED[dataset].values()} == {len(published.RATES)}
