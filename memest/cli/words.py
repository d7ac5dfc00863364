"""From the words of a command line to a command and its settings; torch is not needed to refuse them."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NoReturn, get_args, get_origin

from memest.cli.commands import COMMANDS, Command
from memest.errors import SettingError, UnknownNameError
from memest.grammar.config import Flag, flags

HELP = ("-h", "--help")
GROUPS = {name.partition(" ")[0] for name in COMMANDS if " " in name}
"""First words of commands that have two."""


@dataclass(frozen=True)
class CommandLine:
    """What a command line asks for: the command, by name, and the words after it."""

    name: str
    words: list[str]

    @property
    def command(self) -> Command:
        """What it names."""
        return COMMANDS[self.name]


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise SettingError(f"{message} (see {self.prog} --help)")


def asked(arguments: Sequence[str]) -> CommandLine:
    """The command that a command line asks for.

    Raises:
        SettingError: none is named.
        UnknownNameError: there is no such command; the message names the nearest.
    """
    words = list(arguments)
    if not words:
        raise SettingError(f"a command is needed: memest {' | '.join(COMMANDS)}; see memest --help")
    length = 2 if words[0] in GROUPS and len(words) > 1 else 1
    name = " ".join(words[:length])
    if name.startswith("-"):
        raise UnknownNameError("flag of memest", name, ["--help", "--version"])
    if name not in COMMANDS:
        raise UnknownNameError("command", name, COMMANDS)
    return CommandLine(name, words[length:])


def given(wanted: CommandLine, all_flags: bool = False) -> dict[str, str]:
    """The settings that the words of a command give, as text.

    Args:
        wanted: the command and its words.
        all_flags: every flag is there, and empty where it was left out.

    Raises:
        SettingError: a flag lacks its value, came empty or is given twice, or a word stands without a flag.
        UnknownNameError: there is no such flag.
    """
    known = flags(wanted.command.kind)
    parser = _Parser(prog=f"memest {wanted.name}", add_help=False, allow_abbrev=False)
    for flag in known.values():
        parser.add_argument(flag.typed, dest=flag.name, action="append", default=argparse.SUPPRESS)
    words = [_dashed(word) for word in wanted.words]
    found, unknown = parser.parse_known_args(_bare_named(words, known))
    for word in unknown:
        if word.startswith("-"):
            typed = [flag.typed for flag in known.values()]
            raise UnknownNameError(f"flag of memest {wanted.name}", word.partition("=")[0], typed)
        raise SettingError(_without_flag(wanted.name, word, known))
    texts = {name: _joined(known[name], values) for name, values in vars(found).items()}
    empty = [name for name, text in texts.items() if known[name].default == "" and not text.strip()]
    if empty and not all_flags:
        flag = known[empty[0]]
        way_out = "give it a value" + (", or leave it out" if not flag.needed else "")
        raise SettingError(f"{flag.typed} came empty; {way_out}")
    return texts


def _joined(flag: Flag, values: list[str]) -> str:
    """The one value of a flag, or all of one that may be repeated."""
    if len(values) > 1 and not flag.repeated:
        spelled = f" (in mlflow run: -P {flag.name}=…)" if "_" in flag.name else ""
        shown = " and as ".join(map(repr, values))
        raise SettingError(f"{flag.typed} is given more than once, as {shown}; give it once{spelled}")
    return ", ".join(values)


def _dashed(word: str) -> str:
    """`--batch_size=3` as `--batch-size=3`: MLflow and YAML spell settings with underscores."""
    name, equals, value = word.partition("=")
    return name.replace("_", "-") + equals + value if word.startswith("--") else word


def _bare_named(words: list[str], known: dict[str, Flag]) -> list[str]:
    """`grid.yaml` as `--file grid.yaml`, where a setting may be given without its flag, as the first word."""
    bare = next((flag.typed for flag in known.values() if flag.bare), "")
    return [bare, *words] if bare and words and not words[0].startswith("-") else words


def _without_flag(name: str, word: str, known: dict[str, Flag]) -> str:
    """What to write in place of a word that no flag precedes."""
    named = [flag for flag in known.values() if not flag.bare]
    chosen = [flag for flag in named if word in _choices(flag)]
    fitting = chosen + [flag for flag in named if flag.hint is str]
    return (
        f"{word!r} stands without a flag, as in memest {name} {fitting[0].typed} {shlex.quote(word)}; "
        f"a value with spaces or brackets needs quotes (memest {name} --help lists the flags)"
    )


def _choices(flag: Flag) -> set[Any]:
    arms = get_args(flag.hint) if get_origin(flag.hint) is not Literal else (flag.hint,)
    return {choice for arm in arms if get_origin(arm) is Literal for choice in get_args(arm)}
