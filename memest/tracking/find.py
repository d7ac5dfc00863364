"""The runs of a configuration: done, at work elsewhere, or dead and to be taken up."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from string import hexdigits
from typing import TYPE_CHECKING, Any

from memest.errors import BusyError, JournalError
from memest.tracking.journal import SEALED, STATE, read_head
from memest.tracking.limits import Limits
from memest.tracking.lost import lost_runs, warn_of_lost
from memest.tracking.run import About, hidden, tag

if TYPE_CHECKING:
    from mlflow import MlflowClient

_PAGE = 1000
_AT_ONCE = 4
_EARLIER_KEY = "memest.key"
"""Where earlier versions kept the key of a run."""


@dataclass(frozen=True)
class Found:
    """A run of the configuration.

    Attributes:
        run_id: its id.
        sealed: it is finished and whole; otherwise it is dead.
        metrics: names of the metrics it has on the server.
        host: the machine that worked on it last.
    """

    run_id: str
    sealed: bool
    metrics: tuple[str, ...] = ()
    host: str | None = None


def find(
    client: MlflowClient, experiment: str, about: About, journals: Path, host: str, limits: Limits
) -> Found | None:
    """The run of this configuration, if there is one: a finished one first, then the newest.

    A finished run whose artifacts are gone is passed over, with a warning.

    Call it with the lock of the configuration held. A run of which journal and server say that it was worked
    on here last is then dead for certain; one of another machine is, once three heartbeats are missing.

    Args:
        journals: where this machine keeps the journals of this configuration.
        host: the name of this machine.

    Raises:
        BusyError: the run is at work on another machine.
    """
    runs = _runs_of(client, experiment, about.stage, about.key)
    if not runs:
        return None
    run = runs[0]
    run_id, sealed = run.info.run_id, _sealed(run)
    if not sealed and not _ours(run, journals / run_id, host):
        refuse_living(run, limits)
    return Found(run_id, sealed, tuple(run.data.metrics), hidden(run.data.tags, "host"))


def sealed_run(client: MlflowClient, experiment: str, stage: str, key: str) -> Any | None:
    """The finished run of a stage and key in the experiment with this id, if there is one with artifacts."""
    runs = _runs_of(client, experiment, stage, key)
    return runs[0] if runs and _sealed(runs[0]) else None


def _runs_of(client: MlflowClient, experiment: str, stage: str, key: str) -> list[Any]:
    """Runs of a stage and key, a finished one first, then the newest; finished ones with artifacts only."""
    found: list[Any] = []
    for name in (tag("key"), _EARLIER_KEY):
        query = f"tags.`memest.stage` = '{stage}' and tags.`{name}` = '{key}'"
        found = found or client.search_runs([experiment], query, order_by=["attributes.start_time DESC"])
    runs: list[Any] = sorted(found, key=lambda run: not _sealed(run))
    while runs and _sealed(runs[0]) and lost_runs(client, runs[:1]):
        warn_of_lost(runs.pop(0))
    return runs


def _sealed(run: Any) -> bool:
    return bool(run.data.tags.get(STATE) == SEALED)


def sealed_runs(client: MlflowClient, experiment: str, stage: str) -> dict[str, str]:
    """Key → id of every finished run of a stage in the experiment called `experiment` that can be read.

    MLflow sends each run with all that it has, however little is wanted. The runs are asked for by the first
    digit of their key, a hash in hexadecimal, several digits at a time.
    """
    found = client.get_experiment_by_name(experiment)
    if found is None:
        return {}
    sealed = f"tags.`memest.stage` = '{stage}' and tags.`{STATE}` = '{SEALED}'"
    shares = [f"{sealed} and tags.`{tag('key')}` LIKE '{digit}%'" for digit in hexdigits[:16]]
    shares.append(f"{sealed} and tags.`{_EARLIER_KEY}` LIKE '%'")
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        pages = pool.map(lambda share: list(_pages(client, found.experiment_id, share)), shares)
        runs = [run for share in pages for run in share]
    lost = lost_runs(client, runs)
    kept = [run for run in runs if run.info.run_id not in lost]
    return {str(hidden(run.data.tags, "key")): run.info.run_id for run in kept}


def _pages(client: MlflowClient, experiment: str, query: str) -> Iterator[Any]:
    token = None
    while True:
        page = client.search_runs([experiment], query, max_results=_PAGE, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def _ours(run: Any, journal: Path, host: str) -> bool:
    """Whether it was worked on here last: a journal of ours alone may be older than another's work."""
    try:
        return bool(read_head(journal).host == host == hidden(run.data.tags, "host"))
    except JournalError:
        return False


def refuse_living(run: Any, limits: Limits) -> None:
    """Nothing, if the run is not at work.

    Raises:
        BusyError: it gave a sign of life within three heartbeats.
    """
    tags = run.data.tags
    silent = time.time() - float(hidden(tags, "heartbeat") or 0)
    left = 3 * limits.heartbeat - silent
    host = hidden(tags, "host") or "another machine"
    if tags.get(STATE) == "running" and left > 0:
        raise BusyError(
            f"run {run.info.run_id} of this configuration is at work on {host} "
            f"(last sign of life {silent:.0f} s ago): nothing to do here; if it has died, run the same "
            f"command again in {left:.0f} s"
        )
