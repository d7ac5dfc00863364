"""The leak audit and the rule it applies; how early a summary is good enough: on real short runs."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from memest.analysis.early import settled
from memest.detect.prefixes import MOST, looked_at
from memest.paper import published
from memest.paper.leak_verdict import CONSISTENT, RATES, RELEASED_SIGN, UNDECIDED, verdicts
from memest.store import Header, LocalBlobs, SheetWriter

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
