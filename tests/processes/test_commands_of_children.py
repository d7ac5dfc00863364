"""Command lines that memest runs or prints: they hold no password, and work as printed."""

from __future__ import annotations

import subprocess
import threading
import time
from pathlib import Path

import pytest

from memest import cli
from memest.services import BrokenLinkError, Reach, artifact_route
from memest.services.ports import free_ports
from memest.tracking.view import where_to_look


@pytest.mark.mlflow
def test_the_doctor_passes_no_password_on_a_command_line() -> None:
    """`ps` shows the command lines of everybody: none of our children's holds the tracking URI."""
    (port,) = free_ports(1)
    address = f"http://ada:hunter2hunter2@127.0.0.1:{port}"
    seen: list[str] = []
    attempt = threading.Thread(target=lambda: _broken(address))
    attempt.start()
    while attempt.is_alive():
        seen += _command_lines()
        time.sleep(0.02)
    assert [line for line in seen if "memest.services.artifact_attempt" in line]
    assert not [line for line in seen if "hunter2" in line]


def _broken(address: str) -> None:
    with pytest.raises(BrokenLinkError):
        artifact_route(Reach("here", {"PATH": "/usr/bin"}), address)


def _command_lines() -> list[str]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(entry.read_text(errors="replace"))
        except OSError:
            continue
    return found


def test_the_demo_says_where_to_look(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The pages of a server are opened; a database is shown by a command that works as it is printed.

    Programs of an environment that was not activated are not on the PATH: they are named by their path.
    """
    assert where_to_look("http://127.0.0.1:5000/", "7", "a b").startswith(
        "http://127.0.0.1:5000/#/experiments/7/runs?"
    )
    program = tmp_path / "my environment" / "bin" / "memest"
    program.parent.mkdir(parents=True)
    program.write_text('#!/bin/sh\nfor word in "$@"; do echo "$word"; done\n')
    program.chmod(0o755)
    monkeypatch.setattr("sys.prefix", str(program.parents[1]))
    command = where_to_look("sqlite:////tmp/a b.db", "7", "a b")
    said = subprocess.run(command, shell=True, check=True, capture_output=True, text=True)
    assert said.stdout.splitlines() == ["ui", "--experiment", "a b", "--tracking", "sqlite:////tmp/a b.db"]
    monkeypatch.setenv("VIRTUAL_ENV", str(program.parents[1]))
    assert where_to_look("sqlite:///x.db", "7", "b") == "memest ui --experiment b --tracking sqlite:///x.db"


def test_services_where_nothing_can_be_made(capsys: pytest.CaptureFixture[str]) -> None:
    """One line that names the place and the way out."""
    assert cli.main(["services", "up", "--store", "seaweedfs", "--folder", "/proc/x"]) == 1
    (said,) = capsys.readouterr().err.splitlines()
    assert "/proc/x" in said
    assert "see that this place can be written" in said
