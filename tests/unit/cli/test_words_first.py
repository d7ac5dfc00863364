"""What the words of a command exclude is refused before its data, its store or its server is looked for."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
import torch

from memest import cli
from memest.cli.commands import COMMANDS
from memest.grammar.config import flags

NOWHERE = {"data": "npz(path='no such file.npz')", "tracking": "http://127.0.0.1:9"}
"""What can be neither read nor reached."""
CASES = {
    "score --run abc --epochs first": "a list of epochs such as 0, 10, 20; 'first' is no epoch",
    "score --run abc --epochs 1,-2": "-2 is no epoch",
    "score --run abc --epochs ''": "it is empty",
    "score --run abc --epochs 1.5": "1.5 is no epoch",
    "score --run abc --epochs 1,,2": "an empty item stands between commas",
    "score --run abc --scores losss": "did you mean 'loss'",
    "score": "--run is needed",
    "tune --space 'lr=log(0.1, 0.3)' --study ''": "--study came empty; leave it out for auto",
    "tune --space 'lr=log(0.1, 0.3)' --storage ' '": "--storage came empty; leave it out for auto",
    "audit --into ''": "--into came empty; leave it out for audit",
    "audit --tracking ''": "--tracking came empty; leave it out for auto",
    "review no.csv --audit ''": "--audit came empty; leave it out for audit",
    "deliver --folder ' '": "--folder came empty; leave it out for all",
    "apply no.csv --into no/such/new.npz": "there is no folder no/such for new.npz",
    "train --experiment ' '": "an experiment needs a name",
    "train --part 0": "standard has one part: leave --part out",
    "train --part 3 --protocol k_fold": "k_fold(folds=3) has parts 0 to 2: name one",
    "train --part 2 --protocol second_split": "second_split has parts 0 to 1: name one",
    "train --max-overhead 0.1 --protocol 'cross_fit(folds=2)'": "--max-overhead chooses for one run",
    "train --scores loss --protocol second_split": "second_split needs the score correct",
    "train --scores input_gradient --gradient-every 0": "would be measured at no epoch",
    "train --scores correct --stop-when stable": "add loss to --scores correct",
    "train --protocol k_fold --stop-when stable": "leave one of the two out",
    "sweep grid.yaml": "standard has one part: leave --part out",
    "experiment grid.yaml --set part=0": "standard has one part: leave --part out",
    "experiment grid.yaml --set seed=0 --address x:1": "--address means nothing to --engine local",
    "tune --space 'lr=log(0.1, 0.3)' --part 0": "standard has one part: leave --part out",
    "tune --space 'part=int(0, 3)' --protocol k_fold": "k_fold(folds=3) has parts 0 to 2: name one",
    "tune --space 'lr=log(0.1, 0.3)' --objectives speed": "speed",
    "retrain --share 0": "--share 0 trains on no example",
    "retrain --share 1": "--share 1 leaves no example out",
    "retrain --into no/such/file.npz": "name a file",
    "retrain --experiment ''": "an experiment needs a name",
    "audit --verify 2 --sheet abc": "--verify trains networks and --sheet does not",
    "audit --budget soon": "such as 90s or 10m",
    "analyze --experiment ''": "an experiment needs a name",
    "analyze --where seed": "--where takes axis=value",
    "ui --experiment ''": "an experiment needs a name",
    "demo --experiment ''": "an experiment needs a name",
    "review no.csv --into no/such/next.csv": "--into no/such/next.csv: name a new file",
    "apply no.csv --into grid.yaml": "grid.yaml is there already",
}
"""What is typed, and what it says."""
if not torch.cuda.is_available():
    typed = ("train", "score --run abc", "audit", "retrain")
    CASES |= {f"{command} --device cuda": "torch finds no GPU here" for command in typed}
GRID = "about: a test\nscales:\n  smoke:\n    analyses: [detection]\n    base: {data: 'npz(path=no.npz)'}\n"


@pytest.mark.parametrize("typed", CASES)
def test_words_are_refused_first(
    typed: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With data that are not there and a server that is off, the message is about the words all the same."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", NOWHERE["tracking"])
    words = shlex.split(typed)
    grid = GRID if words[0] == "experiment" else "base: {data: 'npz(path=no.npz)', part: 0}"
    Path("grid.yaml").write_text(grid)
    there = flags(COMMANDS[words[0]].kind)
    for name, value in NOWHERE.items():
        if name in there and f"--{name}" not in words:
            words += [f"--{name}", value]
    assert cli.main(words) == 2
    out, error = capsys.readouterr()
    assert CASES[typed] in error
    assert error.startswith("memest: ")
    assert error.count("\n") == 1
    assert out == ""
    assert [path.name for path in Path.cwd().iterdir()] == ["grid.yaml"]
