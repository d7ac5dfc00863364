"""An option that is given twice is refused: which of the two was meant, nobody knows."""

from __future__ import annotations

from pathlib import Path

import pytest

import memest
from memest import cli
from memest.cli.commands import COMMANDS
from memest.grammar.config import Flag, flags
from memest.grammar.once import OnceParser

ONCE = [(name, flag) for name, command in COMMANDS.items() for flag in flags(command.kind).values()]


@pytest.mark.parametrize(("command", "flag"), [pytest.param(n, f, id=f"{n}{f.typed}") for n, f in ONCE])
def test_every_flag_of_every_command_is_given_once_or_may_be_repeated(
    command: str, flag: Flag, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, one line that shows both values; nothing is done."""
    if flag.repeated:
        return
    typed = flag.typed
    assert cli.main([*command.split(), typed, "one", typed, "two"]) == 2
    out, error = capsys.readouterr()
    assert error.startswith(f"memest: {typed} is given more than once, as 'one' and as 'two'; give it once")
    assert error.count("\n") == 1
    assert out == ""
    assert list(Path.cwd().iterdir()) == []


@pytest.mark.parametrize(
    "words",
    [
        ["train", "--epochs", "1", "--epochs=1"],
        ["train", "--batch-size", "128", "--batch_size", "64"],
        ["sweep", "grid.yaml", "--file", "other.yaml"],
    ],
    ids=["the same value", "another spelling", "without its flag"],
)
def test_however_it_is_spelled(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """The same value twice, a spelling of MLproject's, a first word that stands without its flag."""
    assert cli.main(words) == 2
    assert "is given more than once" in capsys.readouterr().err


def test_settings_of_an_experiment_are_given_in_several_flags(capsys: pytest.CaptureFixture[str]) -> None:
    """`--set` may be repeated; the same setting in two of them is refused."""
    assert cli.main(["experiment", "mislabeled", "--set", "epochs=1", "--set", "epochs=2"]) == 2
    assert "--set names epochs twice" in capsys.readouterr().err


def test_no_script_has_a_parser_that_takes_the_last() -> None:
    """Benchmarks and scripts use the one that refuses; the commands have their own."""
    root = Path(memest.__file__).parent.parent
    names = ("grammar/once.py", "cli/words.py", "cli/help.py")
    own = {*(root / "memest" / name for name in names), Path(__file__)}
    folders = (root / name for name in ("memest", "benchmarks", "analysis", "docs", "examples", "tests"))
    files = {file for folder in folders for file in folder.rglob("*.py")} - own
    assert [file for file in files if "argparse.ArgumentParser(" in file.read_text(encoding="utf-8")] == []


def test_a_script_takes_an_option_once(capsys: pytest.CaptureFixture[str]) -> None:
    """argparse itself takes the last."""
    parser = OnceParser("A script.")
    parser.add_argument("--where", default="")
    assert parser.parse_args(["--where", "seed=1"]).where == "seed=1"
    parser = OnceParser("A script.")
    parser.add_argument("--where", default="")
    with pytest.raises(SystemExit, match="2"):
        parser.parse_args(["--where", "seed=1", "--where", "seed=2"])
    assert "--where is given more than once" in capsys.readouterr().err
