"""Settings that are wrong, and servers that accept and never answer: named in time, and nothing lost."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

from faults.base import fault
from faults.outages import deliver
from faults.site import Ended, Site

GROUP = "wrong settings"
KEPT = "exit code 1 in time; the cause is named; with the right settings `memest deliver` finishes the run"
REFUSED = "exit code 2 in time; the cause is named; nothing is written"
LIMIT = 90
"""Seconds from the start of Python to the end, a run of some seconds included."""


@fault(GROUP, "a wrong secret of the store", KEPT)
def wrong_secret(site: Site) -> str:
    """Its signature does not fit."""
    ended = _ends(site, 1, "signature", AWS_SECRET_ACCESS_KEY="wrong")
    return deliver(site, ended.said)


@fault(GROUP, "a store address with a typo", KEPT)
def typo(site: Site) -> str:
    """A name that no name server knows."""
    where = "http://no-such-host.invalid:9000"
    ended = _ends(site, 1, "no-such-host", MLFLOW_S3_ENDPOINT_URL=where, MEMEST_DEADLINE="8")
    return deliver(site, ended.said)


@fault(GROUP, "an experiment whose bucket does not exist", "exit code 1 in time; the cause is named")
def missing_bucket(site: Site) -> str:
    """Its artifacts are to go where nothing is."""
    site.client.create_experiment(site.experiment, "s3://no-such-bucket/there")
    return _last(_ends(site, 1, "bucket does not exist", MEMEST_DEADLINE="8"))


@fault(GROUP, "a store that accepts and never answers", KEPT)
def silent_store(site: Site) -> str:
    """A socket that nobody reads from."""
    with silence() as url:
        ended = _ends(site, 1, url, MLFLOW_S3_ENDPOINT_URL=url, MEMEST_DEADLINE="8")
    return deliver(site, ended.said)


@fault(GROUP, "a tracking server that accepts and never answers", REFUSED)
def silent_server(site: Site) -> str:
    """The same for the tracking server."""
    with silence() as url:
        ended = _ends(site, 2, url, MLFLOW_TRACKING_URI=url)
    assert not site.home.exists() or not [*site.home.rglob("entries.jsonl")], "something was written"
    return _last(ended)


@fault(GROUP, "a tracking server that is not there", REFUSED)
def no_server(site: Site) -> str:
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    return _last(_ends(site, 2, str(port), MLFLOW_TRACKING_URI=f"http://127.0.0.1:{port}"))


def _ends(site: Site, code: int, cause: str, **environment: str) -> Ended:
    """The run, which must end in time with a code and name its cause."""
    began = time.monotonic()
    ended = site.run(None, 180, **environment)
    took = time.monotonic() - began
    assert ended.code == code, f"exit code {ended.code}: {ended.said}"
    assert cause in ended.said, f"{cause!r} is not named: {ended.said}"
    assert took < LIMIT, f"it took {took:.0f} s"
    return ended


def _last(ended: Ended) -> str:
    lines = [line for line in ended.said.splitlines() if line.startswith("memest: ")]
    return f"exit code {ended.code}: {lines[-1].removeprefix('memest: ') if lines else ended.said}"


@contextmanager
def silence() -> Iterator[str]:
    """The address of a server that accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
