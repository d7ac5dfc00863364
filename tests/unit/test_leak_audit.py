"""The leak audit and the rule it applies; how early a summary is good enough: on real short runs."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from memest.analysis.detection import detection_rows
from memest.analysis.early import MOST, early, early_rows, looked_at, prefixes, settled
from memest.analysis.queries import query_runs
from memest.analysis.record import RunRecord
from memest.analysis.runset import RunSet
from memest.errors import NoRunsError
from memest.grammar.config import build
from memest.paper import published
from memest.paper.leak_audit import Measured, audit_rows, leak_audit
from memest.paper.leak_verdict import CONSISTENT, RATES, RELEASED_SIGN, UNDECIDED, verdicts
from memest.reports import figures
from memest.runs.config import TrainConfig
from memest.stages import score, train
from memest.store import Header, LocalBlobs, SheetWriter
from memest.summaries import Trace, summarise
from memest.tracking import connect

EPOCHS = 12
SCORES = "logits, logits(labels=true), logits(labels=released), loss(labels=released(seed=1))"


def training(**settings: Any) -> TrainConfig:
    """A short run on part of the digits, every network kept."""
    short = {"corruption": "symmetric_noise(rate=0.05)", "epochs": EPOCHS, "limit": 400, "checkpoints": "all"}
    return build(TrainConfig, short | settings)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> RunSet:
    """Two seeds measured against all labels in training, one without labels of its own but scored later."""
    folder = tmp_path_factory.mktemp("audited")
    tracked = {"tracking": f"sqlite:///{folder / 'mlflow.db'}", "experiment": "audit"}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for seed in (0, 1):
            train.train(training(scores=SCORES, seed=seed, **tracked))
        plain = train.train(training(scores="loss", seed=2, **tracked))
        again = {"run": plain.run.id, "scores": "loss, loss(labels=released)", "epochs": "0, 2, 4"}
        score.score(build(score.ScoreConfig, again | {"tracking": tracked["tracking"]}))
        found = query_runs(connect(tracked["tracking"]), "audit", {}, folder / "cache")
        for run in found:
            assert run.summary is not None
    return found


def by_hand(run: RunRecord, key: str) -> Any:
    """Σ over epochs 1…E of a trace, and which labels were changed."""
    return run.sheet.trace(key)[1][1:].astype(float).sum(0), run.sheet.truth()["changed"]


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
def test_csl_is_judged_against_each_set_of_labels(runs: RunSet, labels: str) -> None:
    """The AUROC is scikit-learn's of the summed trace under the key that names the labels."""
    key = {"given": "loss", "true": "loss(labels=true)", "released": "loss(labels=released)"}
    for run in runs[:2]:
        values, changed = by_hand(run, key.get(labels, f"loss(labels='{labels}')"))
        came = one_row(audited(runs), run, "csl", labels).auroc
        assert came == pytest.approx(roc_auc_score(changed, values))


@pytest.mark.mlflow
def test_what_foreign_flips_do_adds_up(runs: RunSet) -> None:
    """AUROC = w · P(positive above foreign) + (1 − w) · AUROC over the rest, w their share of negatives."""
    for run in runs[:2]:
        row, truth = one_row(audited(runs), run, "csl", "released"), run.sheet.truth()
        values, changed = by_hand(run, "loss(labels=released)")
        flips = truth["released"] != truth["original_label"]
        w = (flips & ~changed).sum() / (~changed).sum()
        rest = roc_auc_score(changed[~flips | changed], values[~flips | changed])
        assert row.auroc == pytest.approx(w * row.above_foreign + (1 - w) * rest)
        assert row.without_foreign == pytest.approx(roc_auc_score(changed[~flips], values[~flips]))
        assert np.isnan(one_row(audited(runs), run, "csl", "given").above_foreign)


@pytest.mark.mlflow
def test_first_learned_comes_with_argmax_and_both_signs(runs: RunSet) -> None:
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
        came = one_row(audited(runs), run, summary, "released").auroc
        assert came == pytest.approx(roc_auc_score(changed, values))


@pytest.mark.mlflow
def test_a_short_run_scores_high_against_its_own_labels_only(runs: RunSet) -> None:
    """Where little is memorized yet, A is high, and B and C are near chance."""
    table = audited(runs).groupby(["summary", "labels"]).auroc.mean()
    assert table["csl", "given"] > 0.85
    for labels in ("true", "released"):
        assert 0.35 < table["csl", labels] < 0.65


@pytest.mark.mlflow
def test_given_and_foreign_come_from_the_same_epochs(runs: RunSet) -> None:
    """A run scored later at three epochs is judged on these, not on the twelve of its own sheet."""
    late = runs[2]
    (scored,) = late.sheets[1:]
    row = one_row(audited(runs), late, "csl", "given")
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
    assert not audit_rows([Measured.of(runs[0], runs[0].sheet)]).empty


# ---------------------------------------------------------------- the rule


def made(**changes: float) -> pd.DataFrame:
    """Rows as the audit of CIFAR-100 would give them if C explained everything, but for the changes."""
    target = dict(zip(published.RATES, published.MISLABELED["CIFAR-100"]["CSL"], strict=True))
    rows = []
    for rate in RATES:
        values = {
            ("csl", "given"): target[rate] - 0.05,
            ("csl", "released"): target[rate] + 0.004,
            (RELEASED_SIGN, "released"): 0.52,
        }
        for (summary, labels), value in values.items():
            change = changes.get(f"{summary} {labels} {rate}", 0.0)
            rows.append({"corruption": f"symmetric_noise(rate={rate})", "summary": summary, "labels": labels})
            rows[-1]["auroc"] = value + change
    setting = {"dataset": "cifar100", "model": "resnet18", "epochs": "200", "recipe": "x", "limit": "0"}
    more = {"protocol": "standard", "examples": 50_000, "departs": "", "source": "", "scores_version": "1"}
    more |= {"covers": "epochs 1–200", "group": "all", "differs": "", "seed": "0"}
    return pd.DataFrame(rows).assign(**setting, **more)


def answer(rows: pd.DataFrame) -> str:
    """The only verdict."""
    (verdict,) = verdicts(rows)
    return verdict.answer


def test_the_rule_holds_where_all_of_it_holds() -> None:
    """C within .005 at all rates, first learned between .45 and .55, A off by more than .01."""
    assert answer(made()) == CONSISTENT


@pytest.mark.parametrize(
    ("what", "change"),
    [
        *itertools.product([f"csl released {rate}" for rate in RATES], [0.002, -0.0095]),
        *itertools.product([f"csl given {rate}" for rate in RATES], [0.0401, 0.05]),
        *itertools.product([f"{RELEASED_SIGN} released {rate}" for rate in RATES], [0.04, -0.08]),
    ],
)
def test_one_condition_that_fails_leaves_it_undecided(what: str, change: float) -> None:
    """At any one rate."""
    assert answer(made(**{what: change})) == UNDECIDED


@pytest.mark.parametrize(
    "change",
    [{"departs": "epochs 30, not 200"}, {"protocol": "k_fold(folds=3)"}, {"dataset": "digits"}],
)
def test_another_setting_than_the_published_one_decides_nothing(change: dict[str, Any]) -> None:
    """However the numbers fall."""
    assert answer(made().assign(**change)) == UNDECIDED


def test_a_rate_that_was_not_run_leaves_it_undecided() -> None:
    """And the table says which is missing."""
    rows = made()
    (verdict,) = verdicts(rows[rows.corruption != "symmetric_noise(rate=0.1)"])
    assert verdict.answer == UNDECIDED
    assert next(c.what for c in verdict.conditions if c.holds == "not measured").endswith("at rate 0.1")


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


@pytest.mark.parametrize(
    ("values", "place"), [([0.5, 0.9, 0.9], 1), ([0.9, 0.5, 0.9], 2), ([0.9, 0.905, 0.9], 0), ([0.9], 0)]
)
def test_settled_is_near_the_end_from_there_on(values: list[float], place: int) -> None:
    """A value that is near by chance and leaves again has not settled."""
    assert settled(np.array(values)) == place


def test_long_runs_are_looked_at_at_some_epochs_only(tmp_path: Path) -> None:
    """At most so many, the first ones all and the last among them; ever further apart in between."""
    ids, header = np.arange(5), Header("", "", "", "none", {}, 5)
    sheet = SheetWriter(LocalBlobs(tmp_path), header, ids, 201, lambda _: {})
    for epoch in range(201):
        sheet.put(epoch, {"loss": np.zeros(5, np.float32)}, {})
    places = looked_at(sheet.reader(), ("loss",))
    assert len(places) <= MOST
    assert places[:6].tolist() == [1, 2, 3, 4, 5, 6]
    assert places[-1] == 200
    assert np.diff(places).max() < 0.15 * 200


@pytest.mark.mlflow
def test_runs_without_changed_labels_are_refused(tmp_path: Path) -> None:
    """There is nothing to find in them, early or late."""
    tracked = {"tracking": f"sqlite:///{tmp_path / 'mlflow.db'}", "experiment": "clean"}
    train.train(training(corruption="none", epochs=1, scores="loss, loss(labels=true)", **tracked))
    clean = query_runs(connect(tracked["tracking"]), "clean", {}, tmp_path / "cache")
    for analysis in (early, leak_audit):
        with pytest.raises(NoRunsError, match="changed labels"):
            analysis(clean)
