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

from memest.errors import (
    BusyError,
    InputError,
    MemestError,
    ServiceError,
    SettingError,
    UnknownNameError,
    masked,
)
from memest.grammar.config import build, flags
from memest.stages.verdict import Verdict

Stage = tuple[type[Any], Callable[[Any], "str | Verdict"]]


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise SettingError(f"{message} (see {self.prog} --help)")


def _train() -> Stage:
    from memest.runs.config import TrainConfig
    from memest.stages import together

    return TrainConfig, lambda c: _trained(together.train_together(c))


def _score() -> Stage:
    from memest.stages import score

    return score.ScoreConfig, lambda c: _outcome(score.score(c))


def _analyze() -> Stage:
    from memest.stages import analyze

    return analyze.AnalyzeConfig, lambda c: _analyzed(analyze.analyze(c))


def _retrain() -> Stage:
    from memest.stages import retrain

    return retrain.RetrainConfig, lambda c: f"{_outcome(retrain.retrain(c))}\nits estimates are in {c.into}"


def _tune() -> Stage:
    from memest.stages import tune

    return tune.TuneConfig, tune.tune


def _deliver() -> Stage:
    from memest.stages import deliver

    return deliver.DeliverConfig, deliver.deliver


def _sweep() -> Stage:
    from memest.stages import sweep

    return sweep.SweepConfig, sweep.sweep


def _experiment() -> Stage:
    from memest.stages import experiment

    return experiment.ExperimentConfig, experiment.experiment


def _demo() -> Stage:
    from memest.stages import demo

    return demo.DemoConfig, demo.demo


def _services(action: str) -> Stage:
    from memest.stages import services

    kinds = {"up": services.UpConfig, "down": services.DownConfig}
    return kinds.get(action, services.FolderConfig), getattr(services, action)


def _doctor() -> Stage:
    from memest.stages import doctor

    return doctor.DoctorConfig, doctor.doctor


COMMANDS: dict[str, tuple[Callable[[], Stage], str]] = {
    "train": (_train, "train a network and score every example"),
    "score": (_score, "measure a finished run again"),
    "analyze": (_analyze, "judge the summaries of finished runs"),
    "sweep": (_sweep, "train every configuration of a grid file, each in a process of its own"),
    "experiment": (_experiment, "train and analyse one of the paper's experiments, at one of three scales"),
    "retrain": (_retrain, "estimate memorization by its definition, with many networks"),
    "tune": (_tune, "search for settings: trials chosen by Optuna"),
    "deliver": (_deliver, "send to the server what finished runs could not deliver"),
    "demo": (_demo, "digits with 5 % wrong labels, two networks, three seeds, analysed"),
    "services up": (lambda: _services("up"), "start an S3 store and an MLflow server"),
    "services down": (lambda: _services("down"), "stop them; their data stays"),
    "services status": (lambda: _services("status"), "how they are; exit code 1 if one has crashed"),
    "services env": (lambda: _services("env"), "what to export to use them; it holds secrets"),
    "doctor": (_doctor, "check every link of the platform, and what to do about the first broken one"),
}
"""What there is to do: how to load it, and a line of help. Only the command that is asked for is loaded."""


def stages() -> dict[str, Stage]:
    """By command: its configuration and what runs it."""
    return {name: load() for name, (load, _) in COMMANDS.items()}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # a run that is stopped says so
    try:
        said = run(arguments)
    except BusyError as error:
        return _leave(error)
    except InputError as error:
        return _fail(error, 2)
    except (MemestError, OSError) as error:
        return _fail(error, 1)
    except KeyboardInterrupt:
        print("memest: interrupted", file=sys.stderr)
        return 130
    if said.text:
        print(said.text)
    return 0 if said.good else 1


def run(arguments: Sequence[str]) -> Verdict:
    """What one command has to say when it is done.

    Raises:
        MemestError: it could not be done.
    """
    arguments = _one_word(arguments)
    parser = _Parser(prog="memest", description="Which examples are memorized, and which labels are wrong?")
    commands = parser.add_subparsers(dest="command", required=True, parser_class=_Parser)
    for name, (load, text) in COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text, allow_abbrev=False)
        if name in arguments[:1]:
            kind = load()[0]
            _add_flags(command, kind)
            arguments = _named(arguments, kind)
    given, unknown = parser.parse_known_args(arguments)
    kind, stage = COMMANDS[given.command][0]()
    if unknown:
        raise UnknownNameError(
            f"flag of memest {given.command}", unknown[0], [f"--{name}" for name in flags(kind)]
        )
    settings = {
        name: ", ".join(value) if isinstance(value, list) else value
        for name, value in vars(given).items()
        if name != "command"
    }
    said = stage(build(kind, settings))
    return said if isinstance(said, Verdict) else Verdict(said, good=True)


def _one_word(arguments: Sequence[str]) -> list[str]:
    """`services up` as the one command it is."""
    both = " ".join(arguments[:2])
    return [both, *arguments[2:]] if both in COMMANDS else list(arguments)


def _named(arguments: Sequence[str], kind: type[Any]) -> list[str]:
    """`sweep grid.yaml` as `sweep --file grid.yaml`, where a setting may be given without its flag."""
    command, *words = arguments
    bare = next((flag.name for flag in flags(kind).values() if flag.bare), None)
    if bare and words and not words[0].startswith("-"):
        return [command, f"--{bare}", *words]
    return [command, *words]


def _add_flags(command: argparse.ArgumentParser, kind: type[Any]) -> None:
    for flag in flags(kind).values():
        command.add_argument(
            f"--{flag.name.replace('_', '-')}",
            f"--{flag.name}",
            dest=flag.name,
            action="append" if flag.repeated else "store",
            default=argparse.SUPPRESS,
            metavar="…",
            help=f"{flag.help} (default: {flag.default})".replace("%", "%%"),
        )


def _outcome(opened: Any) -> str:
    state = "was done before" if opened.done else "is done"
    return f"run {opened.run.id} {state}"


def _trained(opened: Any) -> str:
    from memest.runs.description import trained_text

    if opened is None:  # another process says it
        return ""
    return f"{trained_text(opened.run.blobs)}\n\n{_outcome(opened)}"


def _analyzed(found: Any) -> str:
    return f"{found.text}\n\nreport, tables and figures are in run {found.run_id}"


def _leave(error: BusyError) -> int:
    from memest.tracking import mark_busy

    print(f"memest: {error}")
    mark_busy(str(error))
    return 0


def _fail(error: MemestError | OSError, code: int) -> int:
    from memest.tracking import mark_refused, reason

    text = reason(error)
    if isinstance(error, OSError) and error.filename is not None:
        text += "; see that this place can be written and has room, or name another one"
    print(f"memest: {text}", file=sys.stderr)
    if isinstance(error, ServiceError) and error.log:
        print(masked(error.log), file=sys.stderr)
    mark_refused(text)
    return code
