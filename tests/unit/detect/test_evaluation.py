"""A run's evaluation of itself: what is stored is what its columns give, and it is small."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

from memest.detect import Evaluation, detect, evaluate, evaluate_table, evaluation_of, suspicion
from memest.errors import DataError, SettingError, SheetError, UnknownNameError
from memest.metrics import Ranking
from memest.store import Header, LocalBlobs, SheetReader, SheetWriter
from memest.summaries import default_summaries

COUNT = 400
CHANGED = np.random.default_rng(7).permutation(COUNT) < 30


def columns(count: int = COUNT, changed: NDArray[np.bool_] = CHANGED) -> dict[str, NDArray[np.float64]]:
    """Summaries of every kind: tied, turned, alike, perfect, seen, and a detector."""
    rng = np.random.default_rng(1)
    signal = rng.normal(size=count) + 2 * changed
    return {
        "csl": signal,
        "final_loss": np.exp(signal),
        "aum": -signal + rng.normal(size=count),
        "first_learned": np.round(signal * 2),
        "mean_curvature(probes=5)": rng.normal(size=count),
        "seen/csl": signal + 0.1 * rng.normal(size=count),
        "in_confidence": changed.astype(float),
        "confident_learning": np.abs(signal),
    }


def table(changed: NDArray[np.bool_] = CHANGED) -> dict[str, NDArray[Any]]:
    """A summary table of those columns."""
    labels = np.zeros(len(changed), np.int64)
    facts = {"id": np.arange(len(changed)), "label": labels, "original_label": labels, "changed": changed}
    return facts | columns(len(changed), changed)


def sealed(folder: Path, changed: NDArray[np.bool_] = CHANGED, stored: bool = True) -> SheetReader:
    """A sheet with that table, and its evaluation if it is to be stored."""
    summary, ids = table(changed), np.arange(len(changed))
    header = Header("key", "f" * 64, "generated", "none", {}, len(ids))
    writer = SheetWriter(LocalBlobs(folder), header, ids, 1, lambda key: {})
    found = evaluate_table(summary)
    content = found.to_json() if stored and found else None
    truth = {name: summary[name] for name in ("id", "label", "original_label", "changed")}
    writer.seal(truth | {"partner_id": np.full(len(ids), -1)}, summary, content)
    return SheetReader.open(LocalBlobs(folder))


def test_every_summary_is_judged_as_it_is_alone() -> None:
    """Each column, turned its own way, has the detection that `detect` and scikit-learn give."""
    found = evaluate(columns(), CHANGED)
    assert found is not None
    for name, values in columns().items():
        alone = detect(suspicion(name, values), CHANGED)
        assert found.found[name] == alone
        assert alone.auroc.value == pytest.approx(roc_auc_score(CHANGED, suspicion(name, values)))
        expected = average_precision_score(CHANGED, suspicion(name, values))
        assert alone.average_precision == pytest.approx(expected)


def naive_covariance(rankings: list[NDArray[np.float64]], changed: NDArray[np.bool_]) -> Any:
    """DeLong's matrix from every positive compared with every negative."""
    wins = [
        np.greater.outer(s[changed], s[~changed]) + 0.5 * np.equal.outer(s[changed], s[~changed])
        for s in rankings
    ]
    by_positive, by_negative = [w.mean(1) for w in wins], [w.mean(0) for w in wins]
    return np.cov(by_positive) / changed.sum() + np.cov(by_negative) / (~changed).sum()


def test_the_covariance_is_delongs() -> None:
    """All pairs of all summaries, against the O(mn) definition."""
    found = evaluate(columns(), CHANGED)
    assert found is not None
    turned = [suspicion(name, values) for name, values in columns().items()]
    np.testing.assert_allclose(found.covariance, naive_covariance(turned, CHANGED), rtol=1e-9, atol=1e-16)


@pytest.mark.parametrize("positives", [30, 1, COUNT - 1])
def test_any_two_compare_as_they_do_from_their_columns(positives: int, tmp_path: Path) -> None:
    """Read back, every pair has the difference, interval and p-value of the paired test, to 1e-9."""
    changed = np.random.default_rng(3).permutation(COUNT) < positives
    stored = evaluation_of(sealed(tmp_path, changed))
    assert stored is not None
    values = columns(COUNT, changed)
    rankings = {name: Ranking(suspicion(name, values[name]), changed) for name in values}
    for one in values:
        for other in set(values) - {one}:
            came, expected = stored.against(one, other), rankings[one].against(rankings[other])
            for number in ("difference", "low", "high", "p_value"):
                assert getattr(came, number) == pytest.approx(getattr(expected, number), abs=1e-9)


def test_what_was_stored_is_what_the_columns_give(tmp_path: Path) -> None:
    """A sheet with the file and an older one without it answer alike, to the last bit."""
    with_file, without = sealed(tmp_path / "new"), sealed(tmp_path / "old", stored=False)
    assert with_file.evaluation() is not None
    assert without.evaluation() is None
    one, other = evaluation_of(with_file), evaluation_of(without)
    assert one is not None
    assert other is not None
    assert dict(one.found) == dict(other.found)
    assert list(one.found) == list(columns())
    np.testing.assert_array_equal(one.covariance, other.covariance)


def test_bytes_come_back_as_they_went() -> None:
    """To JSON and back is the same evaluation, and the same bytes."""
    found = evaluate(columns(), CHANGED)
    assert found is not None
    again = Evaluation.from_json(found.to_json())
    assert again.to_json() == found.to_json()
    assert dict(again.found) == dict(found.found)
    assert json.loads(found.to_json())["format"] == 1


def test_it_is_small() -> None:
    """All default summaries, clean and seen, of 20,000 examples fit into 64 kB."""
    rng = np.random.default_rng(0)
    changed = rng.random(20_000) < 0.05
    names = [name for clean in default_summaries() for name in (clean, f"seen/{clean}")]
    found = evaluate({name: rng.normal(size=20_000) + changed for name in names}, changed)
    assert found is not None
    assert len(found.found) == len(names) > 40
    assert len(found.to_json()) < 64 * 1024


@pytest.mark.parametrize("changed", [np.zeros(COUNT, bool), np.ones(COUNT, bool)], ids=["none", "all"])
def test_without_both_kinds_there_is_nothing_to_store(changed: NDArray[np.bool_], tmp_path: Path) -> None:
    """No label changed, or every one: no evaluation, no file, and none from the columns."""
    assert evaluate_table(table(changed)) is None
    sheet = sealed(tmp_path, changed)
    assert "evaluation" not in sheet.manifest.tables
    assert evaluation_of(sheet) is None


def test_summaries_against_other_labels_are_not_judged() -> None:
    """They say how far labels leak into a measurement, and find no wrong ones."""
    summary = table() | {"csl(labels=true)": columns()["csl"], "seen/final_loss": columns()["csl"]}
    found = evaluate_table(summary)
    assert found is not None
    assert list(found.found) == [*columns(), "seen/final_loss"]
    assert evaluate_table({name: summary[name] for name in ("id", "changed", "csl(labels=true)")}) is None


def test_what_was_not_judged_is_named() -> None:
    """The message lists what there is."""
    found = evaluate({"csl": columns()["csl"]}, CHANGED)
    assert found is not None
    with pytest.raises(SettingError, match=r"aum was not judged \(judged: csl\)"):
        found.against("csl", "aum")


def test_columns_that_cannot_be_judged_are_refused() -> None:
    """A name of no summary, a value that is not finite, a column of another length."""
    with pytest.raises(UnknownNameError):
        evaluate({"csk": columns()["csl"]}, CHANGED)
    for bad in (np.full(COUNT, np.nan), np.zeros(COUNT - 1)):
        with pytest.raises(DataError):
            evaluate({"csl": bad}, CHANGED)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "cannot be read"),
        (b"[]", "cannot be read"),
        (b"{}", "cannot be read"),
        (b'{"format": 2}', "has format 2; this version reads 1"),
        (b'{"format": 1, "found": {"csl": {"auroc": 1}}, "covariance": [[1]]}', "cannot be read"),
        (b'{"format": 1, "found": {}, "covariance": []}', "cannot be read"),
    ],
)
def test_bytes_that_are_no_evaluation_are_refused(content: bytes, message: str) -> None:
    """Another format says which; anything else, that it cannot be read."""
    with pytest.raises(SheetError, match=message):
        Evaluation.from_json(content)


def test_a_damaged_file_is_noticed(tmp_path: Path) -> None:
    """The manifest holds its hash, as that of every part."""
    sealed(tmp_path)
    path = tmp_path / "sheet/evaluation.json"
    path.write_bytes(path.read_bytes().replace(b"csl", b"csk"))
    with pytest.raises(SheetError, match=r"evaluation.json is damaged"):
        evaluation_of(SheetReader.open(LocalBlobs(tmp_path)))
