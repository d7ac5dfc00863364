"""The leak audit, and how early a summary is good enough, on real short runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from memest.analysis.detection import detection_rows
from memest.analysis.early import early, early_rows
from memest.analysis.queries import query_runs
from memest.analysis.record import RunRecord
from memest.analysis.runset import RunSet
from memest.detect.prefixes import prefixes
from memest.errors import NoRunsError
from memest.grammar.config import build
from memest.paper.leak_audit import MeasuredSheet, audit_rows, leak_audit
from memest.paper.leak_verdict import RELEASED_SIGN, UNDECIDED
from memest.reports import figures
from memest.runs.config import TrainConfig
from memest.stages import score, train
from memest.summaries import Trace, summarise
from memest.tracking import connect

EPOCHS = 12
SCORES = "logits, logits(labels=true), logits(labels=released), loss(labels=released(seed=1))"


def training(**settings: Any) -> TrainConfig:
    """A short run on part of the digits, every network kept."""
    short = {"corruption": "symmetric_noise(rate=0.05)", "epochs": EPOCHS, "limit": 400, "checkpoints": "all"}
    return build(TrainConfig, short | settings)


@pytest.fixture(scope="module")
def runs(store_uri: str, tmp_path_factory: pytest.TempPathFactory) -> RunSet:
    """Two seeds measured against all labels in training, one without labels of its own but scored later."""
    folder = tmp_path_factory.mktemp("audited")
    tracked = {"tracking": store_uri, "experiment": "leak audit"}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for seed in (0, 1):
            train.train(training(scores=SCORES, seed=seed, **tracked))
        plain = train.train(training(scores="loss", seed=2, **tracked))
        again = {"run": plain.run.id, "scores": "loss, loss(labels=released)", "epochs": "0, 2, 4"}
        score.score(build(score.ScoreConfig, again | {"tracking": store_uri}))
        found = query_runs(connect(store_uri), "leak audit", {}, folder / "cache")
        for run in found:
            assert run.summary is not None
    return found


def by_hand(run: RunRecord, key: str) -> Any:
    """Σ over epochs 1…E of a trace, and which labels were changed."""
    return run.sheet.trace(key)[1][1:].astype(float).sum(0), run.sheet.truth()["changed"]


@pytest.fixture(scope="module")
def audited(runs: RunSet) -> pd.DataFrame:
    """The rows of the audit."""
    found: pd.DataFrame = leak_audit(runs).tables["leak_audit"]
    return found


def one_row(rows: pd.DataFrame, run: RunRecord, summary: str, labels: str) -> Any:
    """The row of a run, summary and labels."""
    chosen = rows[(rows.run == run.id) & (rows.summary == summary) & (rows.labels == labels)]
    assert len(chosen) == 1
    return chosen.iloc[0]


@pytest.mark.mlflow
@pytest.mark.parametrize("labels", ["given", "true", "released", "released(seed=1)"])
def test_csl_is_judged_against_each_set_of_labels(runs: RunSet, audited: pd.DataFrame, labels: str) -> None:
    """The AUROC is scikit-learn's of the summed trace under the key that names the labels."""
    key = {"given": "loss", "true": "loss(labels=true)", "released": "loss(labels=released)"}
    for run in runs[:2]:
        values, changed = by_hand(run, key.get(labels, f"loss(labels='{labels}')"))
        came = one_row(audited, run, "csl", labels).auroc
        assert came == pytest.approx(roc_auc_score(changed, values))


@pytest.mark.mlflow
def test_what_foreign_flips_do_adds_up(runs: RunSet, audited: pd.DataFrame) -> None:
    """AUROC = w · P(positive above foreign) + (1 − w) · AUROC over the rest, w their share of negatives."""
    for run in runs[:2]:
        row, truth = one_row(audited, run, "csl", "released"), run.sheet.truth()
        values, changed = by_hand(run, "loss(labels=released)")
        flips = truth["released"] != truth["original_label"]
        w = (flips & ~changed).sum() / (~changed).sum()
        rest = roc_auc_score(changed[~flips | changed], values[~flips | changed])
        assert row.auroc == pytest.approx(w * row.above_foreign + (1 - w) * rest)
        assert row.without_foreign == pytest.approx(roc_auc_score(changed[~flips], values[~flips]))
        assert np.isnan(one_row(audited, run, "csl", "given").above_foreign)


@pytest.mark.mlflow
def test_first_learned_comes_with_argmax_and_both_signs(runs: RunSet, audited: pd.DataFrame) -> None:
    """What `argmax` of the correctness trace gives, and each sign of both, by numpy itself."""
    run = runs[0]
    correct, changed = run.sheet.trace("correct(labels=released)")[1][1:], run.sheet.truth()["changed"]
    argmax = correct.argmax(0)
    last = np.where(correct.any(0), argmax, len(correct))
    wanted = {
        "first_learned, never = last": last,
        "first_learned, never = last, turned": -last,
        "first_learned, argmax 0": argmax,
        RELEASED_SIGN: -argmax,
    }
    assert (argmax != last).any()
    for summary, values in wanted.items():
        came = one_row(audited, run, summary, "released").auroc
        assert came == pytest.approx(roc_auc_score(changed, values))


@pytest.mark.mlflow
def test_a_short_run_scores_high_against_its_own_labels_only(runs: RunSet, audited: pd.DataFrame) -> None:
    """Where little is memorized yet, A is high, and B and C are near chance."""
    table = audited.groupby(["summary", "labels"]).auroc.mean()
    assert table["csl", "given"] > 0.85
    for labels in ("true", "released"):
        assert 0.35 < table["csl", labels] < 0.65


@pytest.mark.mlflow
def test_given_and_foreign_come_from_the_same_epochs(runs: RunSet, audited: pd.DataFrame) -> None:
    """A run scored later at three epochs is judged on these, not on the twelve of its own sheet."""
    late = runs[2]
    (scored,) = late.sheets[1:]
    row = one_row(audited, late, "csl", "given")
    values = scored.trace("loss")[1][1:].astype(float).sum(0)
    assert scored.trace("loss")[0].tolist() == [0, 2, 4]
    assert row.auroc == pytest.approx(roc_auc_score(scored.truth()["changed"], values))


@pytest.mark.mlflow
def test_the_audit_prints_the_three_side_by_side(runs: RunSet) -> None:
    """One section for each run with A, B and C in a row, then the verdict; every figure can be painted."""
    finding = leak_audit(runs)
    table = finding.sections[0].table
    assert table is not None
    header, rows = table.header, table.rows
    assert header[:4] == ["summary", "A given", "B true", "C released"]
    assert header[-1] == "other draws"
    assert {len(row) for row in rows} == {len(header)}
    assert len(finding.sections) == len(runs) + 2  # the third run was measured at other epochs
    assert finding.sections[-1].title.endswith(UNDECIDED)
    for picture in finding.page.pictures:
        assert figures.png(picture.paint()).startswith(b"\x89PNG")


@pytest.mark.mlflow
def test_without_other_labels_there_is_nothing_to_audit(runs: RunSet) -> None:
    """The message says how to measure against them."""
    bare = RunRecord(runs[2].id, "bare", runs[2].tags, {}, runs[2].blobs)
    with pytest.raises(NoRunsError, match=r"labels=true"):
        leak_audit(RunSet([bare]))
    assert not audit_rows([MeasuredSheet.of(runs[0], runs[0].sheet)]).empty


# ---------------------------------------------------------------- how early


@pytest.mark.mlflow
@pytest.mark.parametrize("summary", ["csl", "seen/csl", "aum", "final_loss", "first_learned", "mean_el2n"])
def test_a_prefix_is_the_summary_of_a_run_that_stopped_there(runs: RunSet, summary: str) -> None:
    """Values up to t are those of the trace cut after t; the last are the stored ones."""
    run, epochs = runs[0], np.arange(1, EPOCHS + 1)
    came = prefixes(run.sheet, summary, epochs)
    for t, values in zip(epochs, came, strict=True):

        def cut(key: str, t: int = t) -> Trace:
            measured, rows = run.sheet.trace(key)
            return Trace(measured[measured <= t], rows[measured <= t])

        np.testing.assert_array_equal(values, summarise(summary, cut))
    np.testing.assert_array_equal(came[-1], run.sheet.summary()[summary])


@pytest.mark.mlflow
def test_the_last_epoch_is_what_detection_says(runs: RunSet) -> None:
    """The curve ends at the AUROC that the detection analysis gives, and has a point for every epoch."""
    rows, wanted = early_rows(runs), detection_rows(runs)
    mine = rows[rows.summary == "csl"]
    assert mine.groupby("run").epoch.apply(list).tolist() == [list(range(1, EPOCHS + 1))] * 3
    for row in mine[mine.epoch == EPOCHS].itertuples():
        (value,) = wanted[(wanted.run == row.run) & (wanted.summary == "csl")].auroc
        assert row.auroc == pytest.approx(value)


@pytest.mark.mlflow
def test_early_prints_where_each_summary_settled(runs: RunSet) -> None:
    """One row for each summary, one figure for each group, means over the runs that have it."""
    finding = early(runs)
    assert finding.tables["early"].set_index("summary").seeds.to_dict()["csl"] == 3
    (section,) = finding.sections
    assert section.table is not None
    assert {len(row) for row in section.table.rows} == {len(section.table.header)}
    (picture,) = section.pictures
    assert figures.png(picture.paint()).startswith(b"\x89PNG")


@pytest.mark.mlflow
def test_runs_without_changed_labels_are_refused(tracked: dict[str, str], tmp_path: Path) -> None:
    """There is nothing to find in them, early or late."""
    train.train(training(corruption="none", epochs=1, scores="loss, loss(labels=true)", **tracked))
    clean = query_runs(connect(tracked["tracking"]), tracked["experiment"], {}, tmp_path / "cache")
    for analysis in (early, leak_audit):
        with pytest.raises(NoRunsError, match="changed labels"):
            analysis(clean)
