"""What may be averaged, tried on every analysis: unlike runs stand apart, under titles that say why.

A new analysis is tested here without a line being written.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from memest.analysis import ANALYSES, Finding
from memest.analysis.groups import groups, without_repeats
from memest.analysis.record import RunRecord
from memest.analysis.runset import RunSet
from memest.errors import DataError, NoRunsError
from memest.grammar.registry import keyword_parameters
from memest.grammar.spec import Spec
from memest.paper import analyses as analyses
from memest.paper.cells import COLLECTED, ledger_entries
from memest.references import Reference, write_values
from memest.testing import generated, truth_of

N, EPOCHS = 120, 6
TRUE = np.random.default_rng(0).integers(0, 4, N)
NOISE, TWINS = "symmetric_noise(rate=0.1)", "conflicting_duplicates(pairs=6)"
KEYS = ("loss", "margin", "correct", "input_gradient(norm=2)", "loss(labels=true)")
SUMMARIES = ("csl", "aum", "first_learned", "learning_time", "csl(labels=true)")
Make = Callable[..., RunRecord]
Pair = Callable[[str, str], list[RunRecord]]


@pytest.fixture(scope="module", params=[NOISE, TWINS])
def make(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Makes runs of one corruption or the other."""
    return maker(request.param, tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """The two unlike runs of each kind in `UNLIKE`, of one corruption, made once for all analyses."""
    makers = {corruption: maker(corruption, tmp_path_factory.mktemp("runs")) for corruption in (NOISE, TWINS)}
    return cache(lambda corruption, what: [makers[corruption](**given) for given in UNLIKE[what][:2]])


def maker(corruption: str, folder: Path) -> Make:
    """Makes a run with everything that an analysis may want."""

    def made(seed: int = 0, labels: int = 0, epochs: int = EPOCHS, **settings: Any) -> RunRecord:
        rng = np.random.default_rng([seed, labels])
        true = settings.pop("true", TRUE)
        changed, partners = np.zeros(N, bool), np.full(N, -1)
        changed[np.random.default_rng(labels).permutation(N)[:12]] = True
        if corruption == TWINS:
            places = np.flatnonzero(changed)
            partners[places[:6]] = places[6:]
        truth = truth_of(np.where(changed, (true - 1) % 4, true), changed, partner_id=partners)
        traces = {key: rng.random((epochs + 1, N)) + changed for key in KEYS}
        values = {name: rng.random(N) + changed for name in settings.pop("names", SUMMARIES)}
        values |= {"aum": -1.0 * changed} if "aum" in values else {}
        axes = {"seed": str(seed), "fingerprint": f"{labels}{true.sum()}" * 16, "corruption": corruption}
        return generated(folder, truth, values, traces=traces, **axes | settings)

    return made


def call(name: str, runs: list[RunRecord]) -> Finding | None:
    """What the analysis finds; None where these runs are not for it."""
    needed = [
        key for key, value in keyword_parameters(ANALYSES[name]).items() if value.default is value.empty
    ]
    if "reference" in needed:
        true = runs[0].summary["original_label"]
        reference = Reference(
            "mine", np.arange(N), np.random.default_rng(9).random(N), True, true, "generated"
        )
        write_values(Path("mine.npz"), reference)
    given = {"reference": "values_file(path=mine.npz)"}
    spec = Spec(name, tuple((key, given[key]) for key in needed))
    try:
        finding: Finding = ANALYSES.call(spec, RunSet(runs))
    except (NoRunsError, DataError):  # a reference refuses runs of other labels
        return None
    return finding


def averages(finding: Finding) -> list[pd.DataFrame]:
    """The tables whose rows are means over runs. Every other is of single runs, and says which."""
    tables = [table for table in finding.tables.values() if len(table)]
    means = [table for table in tables if not {"run", "run_a"} & set(table)]
    assert all("seeds" in table for table in means), "a table of means has a column `seeds`"
    return means


SLOW, FAST = {"config": {"lr": 0.01}, "recipe": "slow"}, {"config": {"lr": 0.1}, "recipe": "fast"}
UNLIKE: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "learning rates of one seed": (SLOW, FAST, "lr=0.01"),
    "learning rates of two seeds": (SLOW, FAST | {"seed": 1}, "lr=0.1"),
    "a data file whose labels were changed": ({}, {"seed": 1, "true": (TRUE + 1) % 4}, "data "),
    "a data file whose images were changed": (
        {"source": "a" * 16},
        {"seed": 1, "source": "b" * 16},
        "data bbbbbbbb…",
    ),
    "epochs covered by what score added": ({}, {"seed": 1, "epochs": 1}, "epoch"),
    "label draws of one seed": (
        {"config": {"corruption_seed": 3}},
        {"config": {"corruption_seed": 4}, "labels": 1},
        "labels ",
    ),
    "definitions of scores": ({"scores_version": "1"}, {"seed": 1, "scores_version": "2"}, "of scores 2"),
    "networks": ({"model": "tiny"}, {"model": "vgg16", "seed": 1}, "vgg16"),
    "the same training twice": ({}, {}, ""),
}
"""Two runs that may not be averaged as two seeds, and what a title says of the difference."""


@pytest.mark.parametrize("what", UNLIKE)
@pytest.mark.parametrize("name", list(ANALYSES))
def test_unlike_runs_are_not_averaged(name: str, what: str, pair: Pair) -> None:
    """No number rests on two of them; sections have titles of their own, which say in what they differ.

    In the ledger no entry rests on two of them, and no two rows of its page read the same. Runs with
    duplicates are for the analyses that have nothing to say of others.
    """
    runs = pair(NOISE, what)
    finding = call(name, runs)
    if finding is None:
        runs = pair(TWINS, what)
        finding = call(name, runs)
    if finding is None:
        return
    for table in averages(finding):
        assert table.seeds.max() == 1
    text, titles = finding.text(), [section.title for section in finding.sections]
    assert len(set(titles)) == len(titles)
    assert "2 seeds" not in text
    assert "2 runs:" not in text
    if averages(finding):
        assert UNLIKE[what][2] in text
    if name in COLLECTED:
        rows = rows_of_the_ledger(finding, runs)
        assert len(set(rows)) == len(rows)


def rows_of_the_ledger(finding: Finding, runs: list[RunRecord]) -> list[tuple[Any, ...]]:
    """What the rows of the ledger's page say that a finding has; none rests on two runs."""
    found = ledger_entries(finding, RunSet(runs), "smoke", "abc1234")
    assert all(entry.seeds <= 1 for entry in found)
    return [
        (entry.what, entry.source, entry.definitions, entry.column, entry.method, entry.reason)
        for entry in found
        if entry.seeds
    ]


@pytest.mark.parametrize("name", list(ANALYSES))
def test_seeds_are_averaged(name: str, make: Make) -> None:
    """Two training seeds of one setting are one group, on one draw of labels or, where it may be, on two."""
    for labels in (0, 1):
        finding = call(name, [make(), make(seed=1, labels=labels)])
        same = name in ("cross_architecture", "galleries", "theory")  # of runs of the same labels alone
        tables = averages(finding) if finding and not (labels and same) else []
        for table in tables:
            assert table.seeds.max() == 2


def test_every_analysis_is_tried(make: Make) -> None:
    """Each takes the generated runs of one corruption at least, so that the tests above say something."""
    found = [name for name in ANALYSES if call(name, [make(), make(seed=1)]) is not None]
    missing = set(ANALYSES) - set(found)
    assert missing <= {"mislabeled", "duplicates"}
    assert len(missing) == 1


def test_a_summary_that_score_added_is_a_row_of_its_own(make: Make) -> None:
    """aum over six epochs in one run and over one in another are two rows; csl over six in both is a mean."""
    run, scored = make(seed=1, names=("csl",)), make(seed=1, names=("aum",), epochs=1)
    late = RunRecord(run.id, run.name, run.tags, {}, run.blobs, {scored.id: scored.blobs})
    finding = call("detection", [make(names=("csl", "aum")), late])
    assert finding is not None
    table = finding.tables["detection"].set_index("label")
    assert table.seeds.to_dict() == {"csl": 2, "aum (epochs 1–6)": 1, "aum (epoch 1)": 1}


def test_fewer_seeds_stand_below(make: Make) -> None:
    """A method that one run has alone says so in its row, and stands below means over two, however good."""
    finding = call("detection", [make(names=("csl", "aum")), make(seed=1, names=("csl",))])
    assert finding is not None
    table = finding.sections[0].table
    assert table is not None
    assert table.header[:2] == ["summary", "seeds"]
    assert [row[:2] for row in table.rows] == [["csl", "2"], ["aum", "1"]]


def test_groups_split_no_further_than_needed(make: Make) -> None:
    """Seeds with labels drawn anew and seeds on two fixed draws are three groups, each of distinct seeds."""
    fixed = [make(seed, labels, config={"corruption_seed": labels}) for labels in (7, 8) for seed in (0, 1)]
    anew = [make(seed, seed) for seed in (0, 1)]
    found = groups([*fixed, *anew])
    assert sorted(len(group.runs) for group in found) == [2, 2, 2]
    assert len({group.title for group in found}) == 3
    assert [len(group.runs) for group in groups(anew)] == [2]
    assert [len(group.runs) for group in groups(anew, same_labels=True)] == [1, 1]


def test_a_training_done_twice_is_one_run(make: Make) -> None:
    """What the second measured further is joined to the first."""
    first, second = make(), make()
    (run,) = without_repeats([first, second])
    assert run.id == first.id
    assert list(run.further) == [second.id]
