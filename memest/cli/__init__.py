"""The command line: every flag comes from a configuration, every error becomes one line.

    memest train --data digits --corruption 'symmetric_noise(rate=0.05)' --seed 1

Exit codes: 0 done, or being done by another process; 1 a run failed; 2 something asked for cannot be done
and nothing was written.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress

from memest.cli.commands import COMMANDS as COMMANDS
from memest.cli.help import details, overview
from memest.cli.variables import check_variables, quiet_threads, require_alone
from memest.cli.words import GROUPS, HELP, asked, given
from memest.errors import BusyError, InputError, MemestError, ServiceError, masked, optional_packages
from memest.grammar.config import build
from memest.outcome import Outcome, take_file, write_outcome
from memest.output import say, tolerate_encodings
from memest.verdict import Verdict
from memest.version import __version__


def main(arguments: Sequence[str] | None = None, all_flags: bool = False) -> int:
    """Run one command; the exit code. Its outcome also goes into the file that the parent asked for.

    Args:
        arguments: the words; None: those of this process.
        all_flags: every flag is there, and empty where it was left out, as MLproject has it.
    """
    quiet_threads()
    file = take_file()
    outcome = _carried_out(sys.argv[1:] if arguments is None else list(arguments), all_flags)
    if file:
        write_outcome(file, outcome)
    return outcome.code


def _carried_out(arguments: Sequence[str], all_flags: bool) -> Outcome:
    tolerate_encodings()
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # a run that is stopped says so
    try:
        with optional_packages():
            said = run(arguments, all_flags)
    except BusyError as error:
        return _leave(error)
    except InputError as error:
        return _fail(error, 2)
    except (MemestError, OSError) as error:
        return _fail(error, 1)
    except KeyboardInterrupt:
        say(f"memest: interrupted{_how_to_go_on(arguments)}", error=True)
        return Outcome("failed", 130, message="interrupted")
    if said.text:
        say(said.text)
    if not said.good:
        return Outcome("failed", 1, said.run, said.text.strip().partition("\n")[0])
    return Outcome("done before" if said.before else "done", 0, said.run)


def run(arguments: Sequence[str], all_flags: bool = False) -> Verdict:
    """What one command has to say when it is done; arguments as for `main`.

    Raises:
        MemestError: it could not be done.
    """
    if arguments[:1] == ["help"]:
        arguments = [*arguments[1:], "--help"]
    if arguments[:1] == ["--version"]:
        return Verdict(f"memest {__version__}", good=True)
    if arguments[:1] and arguments[0] in HELP:
        return Verdict(overview(), good=True)
    if len(arguments) == 2 and arguments[0] in GROUPS and arguments[1] in HELP:
        return Verdict(overview(arguments[0]), good=True)
    wanted = asked(arguments)
    if {*HELP} & {*wanted.words}:
        return Verdict(details(wanted.name, wanted.command), good=True)
    config = build(wanted.command.kind, given(wanted, all_flags))
    check_variables()
    if wanted.command.resumes and not wanted.command.together:
        require_alone(wanted.name)
    return wanted.command.run(config)


def _how_to_go_on(arguments: Sequence[str]) -> str:
    with suppress(InputError):
        if asked(arguments).command.resumes:
            return "; the same command goes on where it was"
    return ""


def _leave(error: BusyError) -> Outcome:
    from memest.tracking import mark_busy

    say(f"memest: {error}")
    mark_busy(str(error))
    return Outcome("busy", 0, message=str(error))


def _fail(error: MemestError | OSError, code: int) -> Outcome:
    from memest.tracking import mark_refused, reason

    text = reason(error)
    if isinstance(error, OSError) and error.filename is not None:
        text += "; see that this place can be written and has room, or name another one"
    say(f"memest: {text}", error=True)
    if isinstance(error, ServiceError) and error.log:
        say(masked(error.log), error=True)
    mark_refused(text)
    return Outcome("refused" if code == 2 else "failed", code, message=text)
