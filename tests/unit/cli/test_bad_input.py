"""Bad input of every kind: the documented exit code, one line that names the way out, and nothing written.

A case is a command line, what its one line says, and the files and variables that it finds. Add a case to the
list of its area, in tests/bad_settings.py, bad_files.py or bad_surroundings.py.
"""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from bad_files import AUDITS, DATA, GRIDS, PLACES
from bad_input import Bad
from bad_settings import SETTINGS, SPECS, WORDS
from bad_surroundings import COMMANDS, VARIABLES

from memest import cli

AREAS = {
    "words": WORDS,
    "settings": SETTINGS,
    "specs": SPECS,
    "data": DATA,
    "grids": GRIDS,
    "places": PLACES,
    "audits": AUDITS,
    "variables": VARIABLES,
    "commands": COMMANDS,
}
CASES = [
    pytest.param(bad, id=f"{area}-{number}-{bad.typed[:40]}")
    for area, cases in AREAS.items()
    for number, bad in enumerate(cases)
]


@pytest.mark.parametrize("bad", CASES)
def test_bad_input_is_one_line_and_writes_nothing(
    bad: Bad, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The documented exit code, one line with the way out, no traceback, no password, not one file."""
    for name, value in {"https_proxy": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9"}.items():
        monkeypatch.setenv(name, value)  # as if offline, wherever the test runs
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")  # a server that is not there is asked once
    for name in (
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "WORLD_SIZE",
        "RANK",
        "MASTER_ADDR",
        "MASTER_PORT",
    ):
        monkeypatch.delenv(name, raising=False)
    for name, value in bad.variables.items():
        monkeypatch.setenv(name, value)
    for name, content in bad.files.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(content)
    if "cuda" in bad.typed:
        torch = pytest.importorskip("torch")
        if torch.cuda.is_available():
            pytest.skip("there is a GPU here")
    before = {path: path.is_file() and path.read_bytes() for path in Path.cwd().rglob("*")}
    assert cli.main(shlex.split(bad.typed)) == bad.code
    out, error = capsys.readouterr()
    assert bad.says in error
    assert error.startswith("memest: ")
    assert error.count("\n") == 1
    assert "Traceback" not in error
    assert "hunter" not in error
    assert out == ""
    assert {path: path.is_file() and path.read_bytes() for path in Path.cwd().rglob("*")} == before


def test_there_are_a_hundred_of_them() -> None:
    """A hundred cases at least, no command line twice with the same files and variables."""
    seen = {(bad.typed, str(bad.files), str(bad.variables)) for cases in AREAS.values() for bad in cases}
    assert len(seen) == len(CASES) >= 100
