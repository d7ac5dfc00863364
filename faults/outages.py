"""Servers that go away while a run works: for a while, for good, or because their disk is full."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from faults.base import fault
from faults.moments import last_epoch, metrics_of, state, wait_for
from faults.site import EPOCHS, MEMEST, Site
from memest import services
from memest.services import Folder, Wanted

GROUP = "a server away while a run works"
LOSES_NOTHING = "the run goes on and ends well; same bytes, every point once"
FOR_GOOD = "the run ends with exit code 1 and names its journal; `memest deliver` finishes it later"
AWAY = 20


@fault(GROUP, f"the store killed for {AWAY} s in mid-run", LOSES_NOTHING, often=True, stops_servers=True)
def store_for_a_while(site: Site) -> str:
    """Killed after epoch 2, back 20 seconds later."""
    return _for_a_while(site, "store")


@fault(GROUP, f"the tracking server killed for {AWAY} s in mid-run", LOSES_NOTHING, stops_servers=True)
def server_for_a_while(site: Site) -> str:
    """Killed after epoch 2, back 20 seconds later."""
    return _for_a_while(site, "mlflow")


@fault(GROUP, "the store killed for good in mid-run", FOR_GOOD, stops_servers=True)
def store_for_good(site: Site) -> str:
    """Killed after epoch 2, back when the run has ended."""
    return _for_good(site, "store")


@fault(GROUP, "the tracking server killed for good in mid-run", FOR_GOOD, stops_servers=True)
def server_for_good(site: Site) -> str:
    """Killed after epoch 2, back when the run has ended."""
    return _for_good(site, "mlflow")


@fault(GROUP, "the disk of the store full (a 400 MB file system of its own)", FOR_GOOD)
def disk_full(site: Site) -> str:
    """Filled before the run begins, with room made when it has ended."""
    store = site.services.settings().store  # type: ignore[union-attr]
    with small_store(site.root / "small", store) as (folder, disk):
        own = Site(site.root / "own", folder, site.undisturbed)
        filler = fill(disk)
        ended = own.run(MEMEST_DEADLINE="8")
        assert ended.code == 1, f"exit code {ended.code}: {ended.said}"
        filler.unlink()
        own.stop("store")  # some stores look at their disk again only when they start
        own.up()
        return deliver(own, ended.said)


def _for_a_while(site: Site, name: str) -> str:
    process = site.start()
    _stop_after_epoch_2(site, process, name)
    time.sleep(AWAY)
    assert last_epoch(site.home) == EPOCHS, f"training waited: {state(site.home)}"
    site.up()
    said, _ = process.communicate(timeout=180)
    assert process.returncode == 0, said
    return site.assert_as_undisturbed()


def _for_good(site: Site, name: str) -> str:
    process = site.start(MEMEST_DEADLINE="8")
    try:
        _stop_after_epoch_2(site, process, name)
        said, _ = process.communicate(timeout=240)
    finally:
        site.up()
    assert process.returncode == 1, f"exit code {process.returncode}: {said}"
    if name == "store":
        states = [run.data.tags.get("memest.state") for run in site.runs()]
        assert states == ["undelivered"], f"the run is tagged {states}"
    return deliver(site, said)


def _stop_after_epoch_2(site: Site, process: subprocess.Popen[str], name: str) -> None:
    wait_for(metrics_of(2), process, site.home)
    site.stop(name)


def deliver(site: Site, said: str) -> str:
    """What the run said to do, done."""
    words = said.rpartition("memest deliver --folder ")
    assert words[1], f"the run names no way out: {said}"
    folder = words[2].split()[0]
    ended = site.run([*MEMEST, "deliver", "--folder", folder])
    assert ended.code == 0, ended.said
    waited = words[0].rpartition("memest: ")[2].partition(" of run")[0]
    return f"exit code 1, {waited} waited; delivered later: {site.assert_as_undisturbed()}"


@contextmanager
def small_store(root: Path, store: str) -> Iterator[tuple[Folder, Path]]:
    """Services whose store keeps its data on a small file system; needs the right to mount one."""
    folder = Folder(root)
    disk = folder.path(store)
    disk.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400m", "tmpfs", str(disk)], check=True)
    try:
        services.up(Wanted(store=store), folder)
        yield folder, disk
    finally:
        services.down(folder, grace=1)
        subprocess.run(["umount", "-l", str(disk)], check=True)


def fill(disk: Path) -> Path:
    """A file that takes all the room there is."""
    filler = disk / "filler"
    with filler.open("wb") as file, _until_full():
        while True:
            file.write(b"\0" * (1 << 20))
            file.flush()
    return filler


@contextmanager
def _until_full() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        assert error.errno == 28, os.strerror(error.errno or 0)  # no space left on device
