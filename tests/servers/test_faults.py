"""Part of the fault suite, on a real store and a real server: kills, an outage, damage, planted files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from real_servers import which_store

from faults.__main__ import FAULTS, platform
from faults.base import Fault
from faults.site import Site
from memest.services import Folder

pytestmark = [pytest.mark.mlflow, pytest.mark.slow]
Place = tuple[Path, Folder, dict[str, bytes]]


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    """Running services and the run that nothing disturbed."""
    with platform(which_store()) as found:
        yield found


@pytest.mark.parametrize("one", [one for one in FAULTS if one.often], ids=lambda one: one.what)
def test_what_must_come_of_a_fault_comes(one: Fault, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same causes as `make faults`, those that are quick and matter most."""
    root, folder, blobs = place
    with monkeypatch.context() as environment:
        environment.setattr("boto3.DEFAULT_SESSION", None)
        seen = one.cause(Site(root / f"fault-{FAULTS.index(one)}", folder, blobs))
    assert seen, "a fault says what was seen; what must not be raises AssertionError"
