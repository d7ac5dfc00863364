"""Similarity with a reference: the numbers, what nothing would score, and whose examples they are."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats as scipy_stats
from sklearn.metrics import roc_auc_score

from memest import cli
from memest.analysis.bins import unit
from memest.analysis.difficulty import deciles, detection_by_difficulty
from memest.analysis.queries import query_runs
from memest.analysis.runset import RunSet
from memest.analysis.similarity import similarity
from memest.data import load_images
from memest.errors import DataError, NoRunsError, SettingError, UnknownNameError
from memest.grammar.config import build
from memest.metrics import spearman
from memest.paper import script
from memest.references import Reference, write_values
from memest.runs.config import TrainConfig
from memest.stages import analyze, train
from memest.tracking import connect

pytestmark = pytest.mark.mlflow
_names = itertools.count()
KEPT = {"epochs": 3, "limit": 300, "scores": "logits"}
NOISE = "symmetric_noise(rate=0.1)"


def hardness_of_digits() -> Reference:
    """What a stroke of ink says of a digit: darker ones harder, in the order of shuffled ids."""
    images = load_images("digits").train
    ink = images.images.mean(axis=(1, 2, 3)) / 255
    order = np.random.default_rng(0).permutation(len(images))
    return Reference("ink", images.ids[order], ink[order], True, images.labels[order], images.order)


@pytest.fixture(scope="module")
def trained(store_uri: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[RunSet, str]:
    """Two clean runs and two with wrong labels, of seeds 0 and 1, in one experiment."""
    experiment = f"similarity-{next(_names)}-{Path(store_uri).parent.name}"
    folder = tmp_path_factory.mktemp("similarity")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for seed, corruption in itertools.product((0, 1), ("none", NOISE)):
            settings = {"seed": seed, "corruption": corruption, "tracking": store_uri}
            train.train(build(TrainConfig, KEPT | settings | {"experiment": experiment}))
    return query_runs(connect(store_uri), experiment, {}, folder / "cache"), experiment


@pytest.fixture
def spec() -> str:
    """A reference file in the working folder."""
    write_values(Path("ink.npz"), hardness_of_digits())
    return "values_file(path=ink.npz)"


def test_every_number_against_scipy(trained: tuple[RunSet, str], spec: str) -> None:
    """Cosine, Pearson and Spearman of a higher- and a lower-is-harder summary, joined by id, in both sets."""
    runs, _ = trained
    run = next(run for run in runs if run.tags["corruption"] == "none")
    reference = hardness_of_digits()
    value = dict(zip(reference.ids.tolist(), reference.values.tolist(), strict=True))
    truth = np.array([value[i] for i in run.summary["id"].tolist()])
    rows = similarity(RunSet([run]), reference=spec, top=40).tables["similarity_per_run"]
    hardest = np.argsort(-truth, kind="stable")[:40]
    for name, sign in (("csl", 1), ("aum", -1)):
        turned = unit(sign * run.summary[name])
        assert turned.min() == 0
        assert turned.max() == 1
        for which, places in (("all", np.arange(300)), ("top", hardest)):
            row = rows[(rows.summary == name) & (rows.set == which)].iloc[0]
            x, y = turned[places], truth[places]
            assert row.k == len(places)
            assert row.pearson == pytest.approx(scipy_stats.pearsonr(x, y)[0])
            assert row.spearman == pytest.approx(scipy_stats.spearmanr(x, y)[0])
            assert row.cosine == pytest.approx(x @ y / np.sqrt((x @ x) * (y @ y)))
            if sign == 1:
                raw = run.summary[name][places]
                assert row.raw == pytest.approx(raw @ y / np.sqrt((raw @ raw) * (y @ y)))
            else:
                assert np.isnan(row.raw)
    constant = rows[(rows.summary == "constant") & (rows.set == "top")].iloc[0]
    assert constant.cosine == pytest.approx(truth[hardest].mean() / np.sqrt((truth[hardest] ** 2).mean()))


def test_forgetting_counts_are_taken_raw(trained: tuple[RunSet, str], spec: str) -> None:
    """An example never learned has 0 in a similarity, though it comes last in a ranking."""
    run = trained[0][0]
    _, correct = run.sheet.trace("correct")
    kept = correct[1:] > 0.5
    raw = (kept[:-1] & ~kept[1:]).sum(0).astype(float)
    assert (run.summary["forgetting_count"] != raw).any()
    by_id = hardness_of_digits()
    truth = by_id.values[[by_id.ids.tolist().index(i) for i in run.summary["id"]]]
    rows = similarity(RunSet([run]), reference=spec).tables["similarity_per_run"]
    row = rows[(rows.summary == "forgetting_count(never=raw)") & (rows.set == "all")].iloc[0]
    ok = ~run.summary["changed"].astype(bool)
    assert row.spearman == pytest.approx(spearman(raw[ok], truth[ok]))
    assert "forgetting_count" not in set(rows.summary)


def test_changed_examples_are_left_out_and_seeds_compared(trained: tuple[RunSet, str], spec: str) -> None:
    """The reference is not about a wrong label; reliability is over what neither seed's noise touched."""
    runs, _ = trained
    noisy = [run for run in runs if run.tags["corruption"] != "none"]
    table = similarity(RunSet(noisy), reference=spec).tables["similarity"]
    assert set(table.k) == {270, 27}
    tables = [
        pd.DataFrame(
            {"id": run.summary["id"], "csl": run.summary["csl"], "kept": ~run.summary["changed"].astype(bool)}
        )
        for run in noisy
    ]
    both = tables[0].merge(tables[1], on="id").query("kept_x and kept_y")
    assert len(both) < 270
    row = table[(table.summary == "csl") & (table.set == "all")].iloc[0]
    assert row.seeds == 2
    assert row.seeds_pearson == pytest.approx(both.csl_x.corr(both.csl_y))
    assert row.seeds_spearman == pytest.approx(scipy_stats.spearmanr(both.csl_x, both.csl_y)[0])


def test_seeds_may_change_unequal_numbers_of_labels(store_uri: str, spec: str) -> None:
    """Drawn from a matrix, the number of wrong labels differs by seed; the runs are one group still."""
    np.save("rows.npy", np.eye(10) * 0.8 + np.roll(np.eye(10), 1, axis=1) * 0.2)
    settings = {"corruption": "class_noise(matrix=rows.npy)", "tracking": store_uri, "experiment": "unequal"}
    for seed in (0, 1):
        train.train(build(TrainConfig, KEPT | settings | {"seed": seed}))
    finding = similarity(query_runs(connect(store_uri), "unequal", {}, Path("cache")), reference=spec)
    assert finding.tables["similarity_per_run"].k.nunique() == 4
    assert set(finding.tables["similarity"].seeds) == {2}
    assert "2 runs: all" in finding.text()


def test_a_reference_of_other_examples_names_the_run(trained: tuple[RunSet, str]) -> None:
    """Labels of another dataset, or of the same one shifted, give no number, even beside runs that fit."""
    runs, _ = trained
    ink = hardness_of_digits()
    write_values(Path("a.npz"), Reference("a", ink.ids, ink.values, True, np.roll(ink.labels, 1), ink.order))
    with pytest.raises(DataError, match=rf"differ from those of run {runs[0].id} .* of 300 examples"):
        similarity(runs, reference="values_file(path=a.npz)")
    with pytest.raises(DataError, match=rf"in run {runs[0].id} .* there is an example"):
        few = Reference("a", ink.ids[:50], ink.values[:50], True, ink.labels[:50], ink.order)
        write_values(Path("b.npz"), few)
        detection_by_difficulty(runs, reference="values_file(path=b.npz)")
    with pytest.raises(UnknownNameError, match="values_file"):
        similarity(runs, reference="value_file(path=a.npz)")


def test_more_than_there_are_is_refused(trained: tuple[RunSet, str], spec: str) -> None:
    """A top set larger than the examples has no meaning."""
    with pytest.raises(SettingError, match="at most the 300 examples"):
        similarity(trained[0], reference=spec, top=301)


def test_detection_in_each_decile(trained: tuple[RunSet, str], spec: str) -> None:
    """AUROC within a decile is scikit-learn's over its members; one without a positive is blank."""
    run = replace(next(run for run in trained[0] if run.tags["corruption"] != "none"))
    ink = hardness_of_digits()
    truth = ink.values[[ink.ids.tolist().index(i) for i in run.summary["id"]]]
    part = deciles(truth, run.summary["id"])
    changed = run.summary["changed"].astype(bool)
    changed[part == 4] = False
    run.summary["changed"] = changed
    rows = detection_by_difficulty(RunSet([run]), reference=spec).tables["difficulty_per_run"]
    mine = rows[rows.summary == "csl"].set_index("decile")
    assert mine.members.tolist() == [30] * 10
    assert np.isnan(mine.auroc[4])
    assert mine.positives[4] == 0
    for decile in (set(range(1, 11)) - {4}) & set(part[changed]):
        here = part == decile
        assert mine.auroc[decile] == pytest.approx(roc_auc_score(changed[here], run.summary["csl"][here]))


def test_difficulty_needs_changed_labels(trained: tuple[RunSet, str], spec: str) -> None:
    """Clean runs alone have nothing to detect."""
    clean = RunSet([run for run in trained[0] if run.tags["corruption"] == "none"])
    with pytest.raises(NoRunsError, match="changed labels"):
        detection_by_difficulty(clean, reference=spec)


@pytest.mark.parametrize("analysis", ["similarity", "detection_by_difficulty"])
def test_analyses_end_to_end(
    trained: tuple[RunSet, str],
    spec: str,
    store_uri: str,
    analysis: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The command line takes the reference in the analysis's spec and logs report, tables and figures."""
    _, experiment = trained
    flags = ["--experiment", experiment, "--tracking", store_uri]
    assert cli.main(["analyze", "--analysis", f"{analysis}(reference={spec})", *flags]) == 0
    text = capsys.readouterr().out
    assert "csl" in text
    assert ("positives" if analysis == "detection_by_difficulty" else "permutation") in text
    config = {"analysis": f"{analysis}(reference={spec})", "experiment": experiment, "tracking": store_uri}
    again = analyze.analyze(build(analyze.AnalyzeConfig, config))
    assert again.run_id in text
    names = {*again.blobs.names("figures"), *again.blobs.names("tables")}
    short = "difficulty" if analysis == "detection_by_difficulty" else "similarity"
    assert {f"figures/{short}-0.png", f"tables/{short}.json", f"tables/{short}_per_run.json"} <= names
    assert b"SHA-256" in again.blobs.get("report.html")
    ink = hardness_of_digits()
    write_values(Path("ink.npz"), Reference("x", ink.ids, ink.values**2, True, ink.labels, ink.order))
    other = analyze.analyze(build(analyze.AnalyzeConfig, config))
    assert other.run_id != again.run_id
    assert cli.main(["analyze", "--analysis", analysis, *flags]) == 2
    assert f"{analysis} needs reference=…" in capsys.readouterr().err


def test_scripts_write_tables_and_figures(
    trained: tuple[RunSet, str], spec: str, store_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A script's flags are the analysis's keywords; what it writes can be opened; bad input is one line."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store_uri)
    given = [trained[1], "--where", "seed=1", "--into", "out"]
    text = script.script("similarity", "What is alike?", [*given, "--reference", spec, "--top", "20"])
    assert "the 20 hardest" in text
    table = pd.read_csv("out/similarity.csv")
    assert set(table[table.set == "top"].k) == {20}
    for ending, start in (("png", b"\x89PNG"), ("svg", b"<?xml")):
        assert Path(f"out/similarity-0.{ending}").read_bytes().startswith(start)
    assert "AUROC" in script.script("detection", "What is found?", given)
    for wrong in (["--reference", "nothing"], ["--reference", spec, "--top", "many"], []):
        with pytest.raises(SystemExit, match="2"):
            script.script("similarity", "What is alike?", [*given, *wrong])
