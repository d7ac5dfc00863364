"""Part of the fault suite, on a real store and a real server: kills, damage, planted files."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from forked import Forked
from real_servers import undisturbed_run

from faults.__main__ import FAULTS
from faults.base import Fault
from faults.site import MEMEST, Site, train_command
from memest.services import Folder

pytestmark = [pytest.mark.mlflow, pytest.mark.slow]


class ForkedSite(Site):
    """Its trainings are forked from a process that has imported what they need."""

    def start(self, command: list[str] | None = None, **environment: str) -> Any:
        """A training run in a process of its own; another command as everywhere."""
        words = command or train_command(self.experiment)
        if words[:3] == MEMEST:
            words = [sys.executable, "-m", "memest", *words[3:]]
        if words[:2] != [sys.executable, "-m"]:
            return super().start(command, **environment)
        return Forked(words[2:], self.environment | environment, self.root)


CHOSEN = [one for one in FAULTS if one.often and not one.stops_servers]
"""Those that stop a server have servers of their own, in test_services_stopped.py."""


@pytest.fixture
def on_disk() -> Iterator[Path]:
    """A folder on a disk: in memory, files are written too fast to be caught at it."""
    with tempfile.TemporaryDirectory(
        dir="/var/tmp", prefix="memest-fault-", ignore_cleanup_errors=True
    ) as root:
        yield Path(root)


@pytest.mark.parametrize("one", CHOSEN, ids=lambda one: one.what)
def test_what_must_come_of_a_fault_comes(
    one: Fault, shared: Folder, on_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same causes as `make faults`, those that are quick and matter most."""
    with monkeypatch.context() as environment:
        environment.setattr("boto3.DEFAULT_SESSION", None)
        seen = one.cause(ForkedSite(on_disk / "fault", shared, undisturbed_run()))
    assert seen, "a fault says what was seen; what must not be raises AssertionError"
