"""kill -9 at twenty moments and more, each followed by the same command: as if nothing had been."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from faults.base import FAULTS, Cause, Fault, fault
from faults.moments import (
    MissedError,
    Moment,
    at_epoch,
    half_saved,
    kill_at,
    last_epoch,
    metrics_of,
    opened,
    said,
    saved,
    seal_waits,
    sealed,
    state,
    wait_for,
    waits,
    writing_resume_point,
)
from faults.site import EPOCHS, PROJECT, SETTINGS, Site

GROUP = "kill -9 of the training process, then the same command"
TRIES = 5
MUST = "same bytes as undisturbed, every metric point once, no run left RUNNING"


@dataclass(frozen=True)
class Kill:
    """When to kill, and what must hold of the files afterwards, or the moment was missed."""

    moment: Moment
    still: Moment = lambda home: True
    often: bool = False


KILLS: dict[str, Kill] = {
    "while the run is being opened": Kill(
        lambda home: any(home.glob("runs/*/lock")), lambda home: last_epoch(home) < 0
    ),
    "opened, before the metrics of epoch 0": Kill(opened, lambda home: last_epoch(home) < 0),
    **{
        f"after the metrics of epoch {epoch}, before its resume point": Kill(
            metrics_of(epoch), at_epoch(epoch, epoch - 1), epoch in (0, 5)
        )
        for epoch in (0, 1, 2, 3, 5, 6, 8, EPOCHS)
    },
    **{
        f"after the resume point of epoch {epoch}, before the next metrics": Kill(
            saved(epoch),
            at_epoch(epoch, epoch),
            epoch == 4,
        )
        for epoch in (1, 4, 7, 9)
    },
    **{
        f"while the resume point of epoch {epoch} is being written": Kill(
            writing_resume_point(epoch),
            half_saved(epoch),
            epoch == 4,
        )
        for epoch in (1, 4, 7)
    },
    "a checkpoint in the journal, not delivered": Kill(
        said("checkpoint/epoch-000006.pt"), waits("checkpoint/epoch-000006.pt"), often=True
    ),
    "after the summary, before the manifest": Kill(
        said("sheet/summary.parquet"), lambda home: not said("sheet/manifest.json")(home)
    ),
    "after the manifest, before the seal": Kill(said("sheet/manifest.json"), lambda home: not sealed(home)),
    "after the seal, before it is delivered": Kill(sealed, seal_waits),
}


def killed(kill: Kill) -> Cause:
    """The cause: killed once at a moment, then run again; a moment that was missed is tried again."""

    def cause(site: Site) -> str:
        for attempt in range(1, TRIES + 1):
            here = type(site)(site.root / f"try-{attempt}", site.services, site.undisturbed)
            try:
                found = kill_at(here.start(), here.home, kill.moment, kill.still)
            except MissedError:
                continue
            return f"{found}; {again(here)}"
        raise AssertionError(f"the moment was missed {TRIES} times")

    return cause


def again(site: Site) -> str:
    """The same command once more, which must end well."""
    ended = site.run()
    assert ended.code == 0, ended.said
    return site.assert_as_undisturbed()


for _what, _kill in KILLS.items():
    FAULTS.append(Fault(GROUP, _what, MUST, killed(_kill), _kill.often))


@fault(GROUP, "in mid-upload: the store has stopped answering", MUST, stops_servers=True)
def in_mid_upload(site: Site) -> str:
    """The store is halted while a checkpoint goes there."""
    process, name = site.start(), "checkpoint/epoch-000003.pt"
    with halted(site, "store", process, said("checkpoint/epoch-000000.pt")):
        found = kill_at(process, site.home, said(name), waits(name))
    return f"{found}; {again(site)}"


@fault(GROUP, "five times in a row, at epochs 1, 3, 5, 7 and 9", MUST)
def five_times(site: Site) -> str:
    """Every resume is killed again."""
    found = [kill_at(site.start(), site.home, metrics_of(epoch)) for epoch in (1, 3, 5, 7, 9)]
    return f"last: {found[-1]}; {again(site)}"


@fault(GROUP, "under `mlflow run`: its training child, at epoch 5; then `mlflow run` again", MUST, often=True)
def under_mlflow_run(site: Site) -> str:
    """The run that the second `mlflow run` makes becomes a ticket; the work goes on in the first."""
    first = site.start(mlflow_run(site))
    child = training_child(first.pid, site.home)
    wait_for(metrics_of(5), first, site.home)
    os.kill(child, signal.SIGKILL)
    first.communicate()
    assert last_epoch(site.home) in range(5, EPOCHS), state(site.home)
    assert [run.info.status for run in site.runs()] == ["FAILED"], "mlflow run did not see it die"
    ended = site.run(mlflow_run(site))
    assert ended.code == 0, ended.said
    tickets = [run for run in site.runs() if "memest.ticket_of" in run.data.tags]
    assert len(tickets) == 1, f"{len(tickets)} tickets"
    return f"{site.assert_as_undisturbed()}; the second run is a ticket"


def mlflow_run(site: Site) -> list[str]:
    """The same run through its entry point."""
    values = [text for name, value in SETTINGS.items() for text in ("-P", f"{name}={value}")]
    where = ["--experiment-name", site.experiment, "--env-manager", "local"]
    return [sys.executable, "-m", "mlflow", "run", str(PROJECT), "-e", "train", *values, *where]


def training_child(parent: int, home: Path) -> int:
    """The process in which the entry point runs, once it has opened the run."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if opened(home):
            found = subprocess.run(
                ["pgrep", "-s", str(parent), "-f", "^python -m entrypoints.train"],
                capture_output=True,
                text=True,
                check=False,
            )
            if found.stdout.split():
                return int(found.stdout.split()[-1])
        time.sleep(0.002)
    raise AssertionError("mlflow run did not start to train")


@contextmanager
def halted(site: Site, name: str, process: subprocess.Popen[str], after: Moment) -> Iterator[None]:
    """A server stopped in its tracks from a moment of a run on, and set going again."""
    wait_for(after, process, site.home)
    group = site.services.processes()[name].pid
    os.killpg(group, signal.SIGSTOP)
    try:
        yield
    finally:
        os.killpg(group, signal.SIGCONT)
