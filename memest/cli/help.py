"""What `--help` says: of memest, and of a command with every flag, its type, its default and an example."""

from __future__ import annotations

import argparse

from memest.cli.commands import COMMANDS, Command
from memest.grammar.config import Flag, flags

_COLUMN, _WIDTH = 34, 100


def overview(group: str = "") -> str:
    """Every command in a line; of a group such as `services`, its own."""
    shown = {name: command for name, command in COMMANDS.items() if name.startswith(group)}
    wide = max(map(len, shown))
    lines = [f"  {name:<{wide}}  {command.help}" for name, command in shown.items()]
    return "\n".join(
        [
            "usage: memest COMMAND [--flag VALUE …]",
            "",
            "Which examples are memorized, and which labels are wrong?",
            "",
            *lines,
            "",
            "memest COMMAND --help: its flags, types and defaults; memest --version: which memest this is",
        ]
    )


def details(name: str, command: Command) -> str:
    """Every flag of a command, and an example."""
    known = flags(command.kind)
    word = next((f" [{flag.placeholder}]" for flag in known.values() if flag.bare), "")
    parser = argparse.ArgumentParser(
        prog=f"memest {name}",
        usage=f"memest {name}{word} [--flag VALUE …]",
        description=command.help,
        epilog=f"example:\n  {command.example}",
        formatter_class=lambda prog: argparse.RawDescriptionHelpFormatter(prog, 2, _COLUMN, _WIDTH),
        add_help=False,
    )
    for flag in known.values():
        parser.add_argument(flag.typed, metavar=flag.placeholder, help=_about(flag).replace("%", "%%"))
    return parser.format_help().rstrip()


def _about(flag: Flag) -> str:
    default = str(flag.default).lower() if isinstance(flag.default, bool | None) else str(flag.default)
    return f"{flag.help} (default: {default})" if default else flag.help
