"""Outcome files: what a parent learns of a process, whatever that process printed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from memest.outcome import VARIABLE, Outcome, read_outcome, take_file, write_outcome

FILE = Path("outcome.json")
ERRORS = "a warning\nTraceback …\nValueError: no such thing\n\n"


@pytest.mark.parametrize("outcome", [Outcome("done", 0, "abc"), Outcome("refused", 2, message="typö")])
def test_what_was_written_is_read(outcome: Outcome) -> None:
    """State, exit code, run and message come back as they were."""
    write_outcome(FILE, outcome)
    assert read_outcome(FILE, outcome.code, ERRORS) == outcome
    assert [path.name for path in Path.cwd().iterdir()] == [FILE.name]


@pytest.mark.parametrize(
    "content",
    [
        None,
        b"",
        b'{"state": "done", "code"',
        b"\xff",
        b"[]",
        b'{"state": "well", "code": 0}',
        b'{"done": true}',
        b'{"state": "done", "code": 0, "run": "abc"}',
    ],
)
def test_no_outcome_is_a_failure_with_the_last_error_line(content: bytes | None) -> None:
    """Missing, cut short, no outcome, or `done` of a process that then crashed."""
    if content is not None:
        FILE.write_bytes(content)
    found = read_outcome(FILE, 1, ERRORS)
    assert found == Outcome("failed", 1, message="ValueError: no such thing")


@pytest.mark.parametrize(
    ("code", "errors", "message"),
    [(-9, ERRORS, "ended by signal 9 (Killed)"), (0, " \n", "exit code 0 without a word")],
)
def test_a_process_that_says_nothing_has_failed(code: int, errors: str, message: str) -> None:
    """A signal is named; exit code 0 without an outcome is no success."""
    assert read_outcome(FILE, code, errors) == Outcome("failed", code, message=message)


def test_the_file_is_asked_of_one_process_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes that it starts do not inherit the question; under torchrun rank 0 answers."""
    assert take_file() is None
    for rank, expected in (("0", FILE), ("1", None)):
        monkeypatch.setenv(VARIABLE, str(FILE))
        monkeypatch.setenv("RANK", rank)
        assert take_file() == expected
        assert VARIABLE not in os.environ


def test_an_outcome_is_plain_json() -> None:
    """Other programs may start memest and read what it did."""
    write_outcome(FILE, Outcome("busy", message="at work"))
    assert json.loads(FILE.read_text()) == {"state": "busy", "code": 0, "run": "", "message": "at work"}
