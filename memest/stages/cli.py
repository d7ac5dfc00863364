"""The command line: every flag comes from a configuration, every error becomes one line.

    memest train --data digits --corruption 'symmetric_noise(rate=0.05)' --seed 1

Exit codes: 0 done, or being done by another process; 1 a run failed; 2 something asked for cannot be done
and nothing was written.
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from memest.config import build, flags
from memest.errors import BusyError, InputError, MemestError, SettingError, UnknownNameError

Stage = tuple[type[Any], Callable[[Any], str], str]


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise SettingError(f"{message} (see {self.prog} --help)")


def stages() -> dict[str, Stage]:
    """By command: its configuration, what runs it, and a line of help."""
    from memest.stages import analyze, deliver, demo, score, train

    return {
        "train": (
            train.TrainConfig,
            lambda c: _trained(train.train(c)),
            "train a network and score every example",
        ),
        "score": (score.ScoreConfig, lambda c: _outcome(score.score(c)), "measure a finished run again"),
        "analyze": (
            analyze.AnalyzeConfig,
            lambda c: _analyzed(analyze.analyze(c)),
            "judge the summaries of finished runs",
        ),
        "deliver": (
            deliver.DeliverConfig,
            deliver.deliver,
            "send to the server what finished runs could not deliver",
        ),
        "demo": (
            demo.DemoConfig,
            demo.demo,
            "digits with 5 % wrong labels, two networks, three seeds, analysed",
        ),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # a run that is stopped says so
    try:
        print(run(arguments))
    except BusyError as error:
        return _leave(error)
    except InputError as error:
        return _fail(error, 2)
    except MemestError as error:
        return _fail(error, 1)
    except KeyboardInterrupt:
        print("memest: interrupted", file=sys.stderr)
        return 130
    return 0


def run(arguments: Sequence[str]) -> str:
    """What one command has to say when it is done.

    Raises:
        MemestError: it could not be done.
    """
    table = stages()
    parser = _Parser(prog="memest", description="Which examples are memorized, and which labels are wrong?")
    commands = parser.add_subparsers(dest="command", required=True, parser_class=_Parser)
    for name, (kind, _, text) in table.items():
        command = commands.add_parser(name, help=text, description=text, allow_abbrev=False)
        for flag in flags(kind).values():
            command.add_argument(
                f"--{flag.name.replace('_', '-')}",
                f"--{flag.name}",
                dest=flag.name,
                default=argparse.SUPPRESS,
                metavar="…",
                help=f"{flag.help} (default: {flag.default})".replace("%", "%%"),
            )
    given, unknown = parser.parse_known_args(arguments)
    kind, stage, _ = table[given.command]
    if unknown:
        raise UnknownNameError(
            f"flag of memest {given.command}", unknown[0], [f"--{name}" for name in flags(kind)]
        )
    settings = {name: value for name, value in vars(given).items() if name != "command"}
    return stage(build(kind, settings))


def _outcome(opened: Any) -> str:
    state = "was done before" if opened.done else "is done"
    return f"run {opened.run.id} {state}"


def _trained(opened: Any) -> str:
    from memest.stages.describe import suspicious_text
    from memest.store import SheetReader

    return f"{suspicious_text(SheetReader.open(opened.run.blobs))}\n\n{_outcome(opened)}"


def _analyzed(found: Any) -> str:
    return f"{found.text}\n\nreport, tables and figures are in run {found.run_id}"


def _leave(error: BusyError) -> int:
    from memest.tracking import mark_busy

    print(f"memest: {error}")
    mark_busy(str(error))
    return 0


def _fail(error: MemestError, code: int) -> int:
    from memest.tracking import mark_refused, reason

    text = reason(error)
    print(f"memest: {text}", file=sys.stderr)
    mark_refused(text)
    return code
