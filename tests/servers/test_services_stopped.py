"""Services that are killed or stopped: these are the only tests with a store and a server of their own."""

from __future__ import annotations

import io
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from commands import known, listens, memest, states, wait_until
from forked_site import ForkedSite, undisturbed_run
from real_servers import which_store, with_tables

from faults import outages
from faults.base import FAULTS, Fault
from memest import services
from memest.services import Folder, Wanted
from memest.services.databases import RUNS
from memest.services.probes import bucket_client, search_experiments

pytestmark = [pytest.mark.mlflow, pytest.mark.slow, pytest.mark.usefixtures("no_settings_inherited")]


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Folder]:
    """A store and a server that tests may stop; each leaves them running."""
    found = Folder(tmp_path_factory.mktemp("100% it's here") / "services")
    with_tables(found.path(RUNS))
    services.up(Wanted(store=which_store(), workers=1), found)
    yield found
    services.down(found, grace=0.5)


@pytest.mark.parametrize("name", ["store", "mlflow"])
def test_a_killed_server_is_seen_and_comes_back(own: Folder, name: str) -> None:
    """kill -9: `status` says crashed; `up` restarts that one alone, with its ports, credentials and data."""
    settings, secret = known(own)
    store = bucket_client(settings, secret)
    store.put_object(settings.bucket, "kept", io.BytesIO(b"through the crash"), 17)
    other = {"store": "mlflow", "mlflow": "store"}[name]
    before = own.processes()
    os.kill(before[name].pid, signal.SIGKILL)
    wait_until(lambda: states(own)[name] == "crashed")
    code, said = memest("services", "status", "--folder", str(own.root))
    assert (code, states(own)[other]) == (1, "running")
    assert f"{name} ended without being stopped" in said
    services.up(Wanted(), own)
    assert known(own) == (settings, secret)
    after = own.processes()
    assert (after[other], after[name] != before[name]) == (before[other], True)
    assert before[name].members() == []
    assert store.get_object(settings.bucket, "kept").data == b"through the crash"
    assert search_experiments(settings.mlflow_url, here=True).json()["experiments"]


def test_down_leaves_nothing_behind(own: Folder) -> None:
    """No process of either group, no port; again is no error; the next `up` finds everything as it was."""
    processes, kept = own.processes(), known(own)
    assert memest("services", "down", "--grace", "0.5", "--folder", str(own.root))[0] == 0
    assert [gone.members() for gone in processes.values()] == [[], []]
    assert not listens(kept[0].s3_url)
    assert not listens(kept[0].mlflow_url)
    assert states(own) == {"store": "stopped", "mlflow": "stopped"}
    assert memest("services", "down", "--folder", str(own.root)) == (0, "nothing runs\n")
    services.up(Wanted(), own)
    assert known(own) == kept


@pytest.mark.parametrize(
    "one", [one for one in FAULTS if one.often and one.stops_servers], ids=lambda one: one.what
)
def test_what_must_come_of_a_fault_comes(
    one: Fault, own: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The faults of `make faults` that stop a server; here it is away for eight seconds."""
    monkeypatch.setattr(outages, "AWAY", 8)
    site = ForkedSite(tmp_path / "fault", own, undisturbed_run())
    assert one.cause(site), "a fault says what was seen; what must not be raises AssertionError"
