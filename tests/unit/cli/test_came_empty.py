"""A flag whose value came empty, as of a shell's variable that is not set, is no flag that was left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from memest import cli
from memest.cli.commands import COMMANDS
from memest.grammar.config import Flag, flags

EMPTY = [
    (name, flag)
    for name, command in COMMANDS.items()
    for flag in flags(command.kind).values()
    if flag.default == ""
]

NEEDED = {
    "score --run",
    "sweep --file",
    "experiment --name",
    "tune --space",
    "audit --data",
    "review --decisions",
    "apply --decisions",
    "apply --into",
}
"""Those that their commands cannot do without."""


@pytest.mark.parametrize(("command", "flag"), [pytest.param(n, f, id=f"{n}{f.typed}") for n, f in EMPTY])
def test_an_empty_value_is_refused(command: str, flag: Flag, capsys: pytest.CaptureFixture[str]) -> None:
    """`--set ''` would run everything in full, `--where ''` analyse every run: exit code 2, nothing done."""
    assert cli.main([*command.split(), flag.typed, ""]) == 2
    out, error = capsys.readouterr()
    way_out = "give it a value" + ", or leave it out" * (f"{command} {flag.typed}" not in NEEDED)
    assert error == f"memest: {flag.typed} came empty; {way_out}\n" and out == ""
    assert list(Path.cwd().iterdir()) == []


@pytest.mark.parametrize("command", sorted({flag.split()[0] for flag in NEEDED}))
def test_a_command_that_needs_a_value_does_nothing_without(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Leaving it out is refused, too."""
    assert cli.main([command]) == 2 and capsys.readouterr().err
    assert list(Path.cwd().iterdir()) == []


def test_mlproject_leaves_flags_empty(capsys: pytest.CaptureFixture[str]) -> None:
    """It names them all, so an entry point takes an empty one for left out: here the name that is needed."""
    assert cli.main(["experiment", "--name", "", "--set", ""], all_flags=True) == 2
    assert "an experiment is needed" in capsys.readouterr().err
