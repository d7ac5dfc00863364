"""Part of the fault suite, on a real store and a real server: kills, damage, planted files."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from forked_site import ForkedSite, SiteWithPictures, undisturbed_run

from faults import secrecy
from faults.__main__ import FAULTS
from faults.base import Fault
from memest.services import Folder

pytestmark = [pytest.mark.mlflow, pytest.mark.slow]


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
        site = SiteWithPictures if one.group == secrecy.GROUP else ForkedSite
        seen = one.cause(site(on_disk / "fault", shared, undisturbed_run()))
    assert seen, "a fault says what was seen; what must not be raises AssertionError"
