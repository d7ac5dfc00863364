"""The command line: its helps, its first words, and output that any terminal can hold."""

from __future__ import annotations

import io
import os
import re
import sys

import pytest

from memest import __version__, cli
from memest.cli.commands import COMMANDS, imported
from memest.cli.words import asked, given
from memest.errors import InputError
from memest.grammar.config import flags


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("asking", ["--help", "-h"])
def test_every_help_is_written(name: str, asking: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Every flag with what it takes and its text, an example of this command, no line too wide."""
    assert cli.main([*name.split(), asking]) == 0
    said = capsys.readouterr().out
    for flag in flags(COMMANDS[name].kind).values():
        assert f"{flag.typed} {flag.placeholder}" in said
        assert flag.help.split()[0] in said
    assert said.endswith(f"example:\n  {COMMANDS[name].example}\n")
    assert max(map(len, said.splitlines())) <= 110


@pytest.mark.parametrize("name", COMMANDS)
def test_every_example_is_of_its_command(name: str) -> None:
    """What a help shows is a command line that memest understands."""
    import shlex

    words = shlex.split(COMMANDS[name].example.removeprefix('eval "$(').removesuffix(')"'))
    wanted = asked(words[1:])
    assert (words[0], wanted.name) == ("memest", name)
    assert set(given(wanted)) <= flags(COMMANDS[name].kind).keys()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_names_what_there_is(name: str) -> None:
    """Its settings and its stage can be imported."""
    assert flags(COMMANDS[name].kind)
    assert callable(imported(COMMANDS[name].stage))


def test_the_overview_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    """`memest --help` is a line for each; `memest services --help` has the four of them."""
    assert cli.main(["--help"]) == 0
    said = capsys.readouterr().out
    assert [name for name in COMMANDS if not re.search(rf"^  {name} +\w", said, re.MULTILINE)] == []
    assert cli.main(["services", "--help"]) == 0
    assert len(re.findall(r"^  services ", capsys.readouterr().out, re.MULTILINE)) == 4


@pytest.mark.parametrize("words", [[], ["train"], ["services"], ["services", "up"]], ids=" ".join)
def test_help_is_a_word_too(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """`memest help train` is `memest train --help`."""
    assert cli.main([*words, "--help"]) == 0
    shown = capsys.readouterr().out
    assert cli.main(["help", *words]) == 0
    assert capsys.readouterr().out == shown


def test_memest_says_which_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    """`memest --version` prints the version of the package."""
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"memest {__version__}\n"


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("train", "--limit INT≥0"),
        ("train", "--lr NUM>0"),
        ("train", "--momentum 0≤NUM≤1"),
        ("train", "--max-overhead 0<NUM≤1|none"),
        ("train", "--corruption-seed INT≥0|none"),
        ("train", "--device {auto,cpu,cuda}"),
        ("train", "--deterministic true|false"),
        ("train", "--scores SPEC,…"),
        ("train", "--data SPEC"),
        ("services up", "--store {minio,seaweedfs"),
        ("sweep", "memest sweep [FILE] [--flag VALUE …]"),
    ],
)
def test_a_help_shows_what_a_flag_takes(typed: str, shown: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Types, ranges and choices come from the configuration."""
    assert cli.main([*typed.split(), "--help"]) == 0
    assert shown in capsys.readouterr().out


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("trian", "unknown command 'trian'; did you mean 'train'?"),
        ("services upp", "did you mean 'services up'?"),
        ("services", "did you mean 'services up'?"),
        ("", "a command is needed: memest train | score"),
        ("--hepl", "did you mean '--help'?"),
        ("analyze demo", "'demo' stands without a flag, as in memest analyze --experiment demo;"),
        ("services up minio", "as in memest services up --store minio;"),
        ("sweep a.yaml b", "'b' stands without a flag, as in memest sweep --"),
        ("train --epoch 3", "unknown flag of memest train '--epoch'; did you mean '--epochs'?"),
        ("train --epoch=3", "unknown flag of memest train '--epoch'; did you mean '--epochs'?"),
        ("train --lr", "argument --lr: expected one argument (see memest train --help)"),
    ],
)
def test_a_slip_is_answered_with_what_was_meant(typed: str, words: str) -> None:
    """A word that is not understood is named, with what may be written in its place."""
    with pytest.raises(InputError, match=re.escape(words)):
        cli.run(typed.split())


def test_flags_may_be_spelled_as_settings() -> None:
    """`--batch_size`, as MLflow and YAML have it, is `--batch-size`; values keep their underscores."""
    wanted = asked(["train", "--batch_size=3", "--experiment", "a_b", "--data=npz(path=a_b.npz)"])
    assert given(wanted) == {"batch_size": "3", "experiment": "a_b", "data": "npz(path=a_b.npz)"}


@pytest.mark.parametrize("encoding", ["latin-1", "ascii", "cp1252"])
def test_what_an_encoding_lacks_is_replaced(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A help with signs outside the encoding, and an error that quotes such a word, are still written."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding=encoding, write_through=True) for _ in range(2))
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    assert cli.main(["train", "--help"]) == 0
    assert cli.main(["train", "--data", "猫"]) == 2
    assert b"--epochs INT?1" in out.buffer.getvalue()  # type: ignore[attr-defined]
    assert err.buffer.getvalue().startswith(b"memest: ")  # type: ignore[attr-defined]


def test_a_reader_who_has_seen_enough_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """`memest train --help | head -1`: the pipe is closed, the command is done."""
    read, write = os.pipe()
    os.close(read)
    monkeypatch.setattr(sys, "stdout", os.fdopen(write, "w"))
    assert cli.main(["train", "--help"]) == 0


@pytest.mark.parametrize(
    ("command", "hint"), [("train", "; the same command goes on where it was"), ("doctor", ""), ("trian", "")]
)
def test_an_interrupted_command_says_how_to_go_on(
    command: str, hint: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-C is exit code 130 and one line; a command that can go on says so."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "run", interrupted)
    assert cli.main([command]) == 130
    assert capsys.readouterr().err == f"memest: interrupted{hint}\n"
