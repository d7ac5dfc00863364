"""Searches that are refused, and how a space may be written."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import optuna
import pytest
from mlflow import MlflowClient
from searching import SHORT, runs, search

from memest import cli
from memest.errors import InputError, SettingError
from memest.tune import Space, read_objectives, space_text

pytestmark = pytest.mark.mlflow


@pytest.fixture
def tracked(tracked: dict[str, Any]) -> dict[str, Any]:
    """Settings of short runs in a fresh experiment of the shared store."""
    return SHORT | tracked


def test_a_space_is_the_same_from_a_file() -> None:
    """Values in order or by name, in one line or in a YAML file: one canonical spelling."""
    lines = ["lr: log(0.01, 0.3)", "batch_size: [64, 128]", "probes: int(1, high=9)"]
    Path("space.yaml").write_text("\n".join([*lines, "scores: loss, curvature(probes={probes})"]))
    line = (
        "lr: log(high=0.3, low=0.01), batch_size=one_of(64, 128), probes=int(1, 9), "
        'scores="loss, curvature(probes={probes})"'
    )
    text = space_text("space.yaml")
    assert text == space_text(text)
    assert sorted(Space.parse(text).drawn.items()) == sorted(Space.parse(space_text(line)).drawn.items())
    assert Space.parse(text).filled == Space.parse(line).filled


BAD = [
    ({"space": ""}, "--space came empty"),
    ({"space": "scores=logits"}, "give it as --scores"),
    ({"space": "lr=0.1"}, "give it as --lr"),
    ({"space": "rl=log(0.01, 0.3)"}, "unknown setting in --space 'rl'"),
    ({"space": "epoch=int(1, 3)"}, "did you mean 'epochs'"),
    ({"space": "lr=lgo(0.01, 0.3)"}, "did you mean 'log'"),
    ({"space": "lr=log(0.3, 0.01)"}, "lower end above"),
    ({"space": "lr=log(0.01)"}, "needs high="),
    ({"space": "lr=log(0.01, hi=3)"}, "did you mean 'high'"),
    ({"space": "lr=log(0.01, 0.3, 5)"}, "too many values"),
    ({"space": "epochs=int(0, 3)"}, "at least 1, not 0"),
    ({"space": "lr=one_of()"}, "one_of takes"),
    ({"space": "tracking=one_of(a, b)"}, "unknown setting in --space 'tracking'"),
    ({"space": 'scores="curvature(probes={prob})", probes=int(1, 3)'}, "did you mean 'probes'"),
    ({"space": "lr=log(0.01, 0.3), lr=log(0.01, 0.3)"}, "names lr twice"),
    ({"space": "no.yaml"}, "there is no space file no.yaml"),
    ({"objectives": "acuracy"}, "did you mean 'accuracy'"),
    ({"objectives": "auroc/cls"}, "did you mean 'csl'"),
    ({"objectives": "auroc/csg"}, "needs input_gradient"),
    ({"objectives": "accuracy, cost, scoring_cost"}, "takes one or two"),
    ({"objectives": "auroc/csl", "corruption": "none"}, "none are changed"),
    ({"objectives": "accuracy, cost", "pruner": "median"}, "--pruner median"),
    ({"objectives": "cost", "pruner": "hyperband"}, "only one objective"),
    ({"protocol": "k_fold(folds=2)"}, "no accuracy in common"),
    ({"sampler": "tep"}, "did you mean 'tpe'"),
    ({"pruner": "medain"}, "did you mean 'median'"),
    ({"trials": 0}, "at least 1, not 0"),
    ({"storage": "nosuch://x"}, "--storage"),
    ({"storage": "sqlite:///no/such/x.db"}, "there is no folder"),
    ({"storage": "sqlite://x.db"}, "write sqlite:///x.db"),
    ({"storage": "sqlite:/x.db"}, "write sqlite:///x.db"),
    ({"storage": "x.db"}, "--storage: 'x.db' is not the URI of a database"),
    ({"storage": "sqlite://"}, "in-memory"),
    ({"storage": "sqlite:///:memory:"}, "in-memory"),
    ({"storage": "sqlite:///."}, "is no file"),
    ({"storage": "sqlite:////proc/x.db"}, "must be writable"),
    ({"storage": "sqlite:///text.db"}, "holds something else than a SQLite database"),
    ({"storage": "sqlite:///foreign.db"}, "foreign.db"),
    ({"data": "npz(path=no.npz)"}, "no.npz"),
    ({"data": "npz(path=text.db)"}, "text.db"),
    ({"corruption": "human_noise(path=no.npz)"}, "no.npz"),
    ({"space": "data=one_of('digits', 'npz(path=no.npz)')"}, "no.npz"),
    ({"model": "vgg16", "batch_size": 1}, "batch"),
    ({"part": 3}, "--part 3"),
    ({"tracking": "off"}, "--tracking off"),
]


@pytest.mark.parametrize(("settings", "message"), BAD, ids=lambda value: str(value)[:40])
def test_what_cannot_be_searched_is_refused_early(
    settings: dict[str, Any], message: str, tracked: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """One line that names the way out, exit code 2, and no run; what is equal in all trials is no trial."""
    Path("text.db").write_text("no database, and no array either")
    with sqlite3.connect("foreign.db") as foreign:
        foreign.execute("CREATE TABLE theirs (x)")
    before = set(Path.cwd().iterdir())
    given = {"space": "lr=log(0.003, 0.3)"} | tracked | settings
    flags = [part for name, value in given.items() for part in (f"--{name}", str(value))]
    assert cli.main(["tune", *flags]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert set(Path.cwd().iterdir()) == before


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (
            {"space": "lr=log(0.003, 0.2)"},
            "space was lr=log(low=0.003, high=0.3), now lr=log(",
        ),
        ({"objectives": "accuracy, cost"}, "objectives was accuracy, now accuracy, cost"),
        ({"batch_size": 64}, "batch_size was 32, now 64"),
    ],
)
def test_a_study_of_another_search_is_refused(
    other: dict[str, Any], message: str, tracked: dict[str, Any], client: MlflowClient
) -> None:
    """The same name with another space, objectives or fixed settings: what differs is named."""
    search(tracked, trials=1)
    with pytest.raises(SettingError) as caught:
        search(tracked, trials=2, **other)
    assert message in str(caught.value)
    assert len(runs(client, tracked)) == 1


def test_a_foreign_study_is_left_alone(tracked: dict[str, Any]) -> None:
    """A study that somebody else made is not added to."""
    Path(".memest").mkdir()
    url = f"sqlite:///{Path('.memest/studies.db').absolute()}"
    theirs = optuna.create_study(study_name="s", storage=url)
    theirs.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1)
    with pytest.raises(InputError, match="was not made by memest tune"):
        search(tracked)
    assert len(theirs.trials) == 1
    assert read_objectives("accuracy")[0].direction == "maximize"
