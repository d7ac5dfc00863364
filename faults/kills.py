"""kill -9 at twenty moments and more, each followed by the same command: as if nothing had been."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from faults.base import FAULTS, Cause, Fault, fault
from faults.moments import (
    Moment,
    kill_at,
    metrics_of,
    opened,
    resume_point,
    said,
    sealed,
    writing_resume_point,
)
from faults.site import EPOCHS, PROJECT, SETTINGS, Site

GROUP = "kill -9 of the training process, then the same command"
MUST = "same bytes as undisturbed, every metric point once, no run left RUNNING"
MOMENTS: dict[str, tuple[Moment, bool]] = {
    "while the run is being opened": (lambda home: any(home.glob("runs/*/lock")), False),
    "opened, before epoch 0": (opened, False),
    **{
        f"after the metrics of epoch {epoch}, before its resume point": (metrics_of(epoch), epoch in (0, 5))
        for epoch in (0, 1, 2, 3, 5, 6, 8, EPOCHS)
    },
    **{
        f"after the resume point of epoch {number - 1}": (resume_point(number), number == 4)
        for number in (2, 4, 6, 7, 9)
    },
    **{
        f"while a resume point is being written, at epoch {epoch} or later": (
            writing_resume_point(epoch),
            epoch == 4,
        )
        for epoch in (1, 4, 7)
    },
    "a checkpoint said, not yet delivered": (said("checkpoint/epoch-000006.pt"), True),
    "after the summary, before the manifest": (said("sheet/summary.parquet"), False),
    "after the manifest, before the seal": (said("sheet/manifest.json"), False),
    "after the seal, before it is delivered": (sealed, False),
}


def killed(moment: Moment) -> Cause:
    """The cause: killed once at a moment, then run again."""

    def cause(site: Site) -> str:
        found = kill_at(site.start(), site.home, moment)
        return f"{found}; {again(site)}"

    return cause


def again(site: Site) -> str:
    """The same command once more, which must end well."""
    ended = site.run()
    assert ended.code == 0, ended.said
    return site.assert_as_undisturbed()


for _what, (_moment, _often) in MOMENTS.items():
    FAULTS.append(Fault(GROUP, _what, MUST, killed(_moment), _often))


@fault(GROUP, "in mid-upload: the store has stopped answering", MUST)
def in_mid_upload(site: Site) -> str:
    """The store is halted while a checkpoint goes there."""
    process = site.start()
    with halted(site, "store", said("checkpoint/epoch-000003.pt")):
        found = kill_at(process, site.home, said("checkpoint/epoch-000006.pt"))
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
    while not metrics_of(5)(site.home):
        assert first.poll() is None, first.stdout and first.stdout.read()
        time.sleep(0.001)
    os.kill(child, signal.SIGKILL)
    first.communicate()
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
def halted(site: Site, name: str, after: Moment) -> Iterator[None]:
    """A server stopped in its tracks from a moment on, and set going again."""
    while not after(site.home):
        time.sleep(0.001)
    group = site.services.processes()[name].pid
    os.killpg(group, signal.SIGSTOP)
    try:
        yield
    finally:
        os.killpg(group, signal.SIGCONT)
