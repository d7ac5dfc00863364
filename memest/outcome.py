"""What a process did, as a small JSON file that its parent reads; what the process prints is for people.

The parent names the file in the environment variable `MEMEST_OUTCOME`. A process that dies writes none: a
missing or incomplete file means that it failed.
"""

from __future__ import annotations

import json
import os
import signal
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, get_args

from memest.files import write_whole

VARIABLE = "MEMEST_OUTCOME"
State = Literal["done", "done before", "busy", "failed", "refused"]


@dataclass(frozen=True)
class Outcome:
    """What a process did.

    Attributes:
        state: `done before`: an earlier run of the same configuration was found; `busy`: another process is
            at work on it; `refused`: it cannot be done as asked, and nothing was written.
        code: exit code of the process; negative: the signal that ended it.
        run: id of the run that holds the result, where there is one.
        message: why, where it is not done; one line.
    """

    state: State
    code: int = 0
    run: str = ""
    message: str = ""


def take_file() -> Path | None:
    """The file that the parent of this process asked for; processes that this one starts are not asked.

    Under torchrun, only rank 0 answers.
    """
    name = os.environ.pop(VARIABLE, "")
    return Path(name) if name and os.environ.get("RANK", "0") == "0" else None


def write_outcome(file: Path, outcome: Outcome) -> None:
    """Write an outcome, in place of what was there."""
    write_whole(file, json.dumps(asdict(outcome)).encode(), durable=False)


def read_outcome(file: Path, code: int, errors: str) -> Outcome:
    """The outcome of a process that has ended.

    Args:
        file: that it was asked to write.
        code: its exit code; negative: the signal that ended it.
        errors: the end of its standard error.

    Returns:
        what the file says; `failed` with the last line of `errors` if the file is missing, incomplete, or
        contradicts the exit code.
    """
    try:
        outcome = Outcome(**json.loads(file.read_bytes()))
        if outcome.code == code and outcome.state in get_args(State):
            return outcome
    except (OSError, ValueError, TypeError):
        pass
    return Outcome("failed", code, message=_reason(code, errors))


def _reason(code: int, errors: str) -> str:
    if code < 0:
        return f"ended by signal {-code} ({signal.strsignal(-code)})"
    last = next((line.strip() for line in reversed(errors.splitlines()) if line.strip()), "")
    return last or f"exit code {code} without a word"
