"""What tests of runs that are taken up share: two machines, a store, and who is killed when."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from memest.tracking import About, connect, open_run
from memest.tracking.heartbeat import HEARTBEAT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlflow import MlflowClient


_numbers = itertools.count()


class Site:
    """Machines that share a store, and a configuration that nobody ran yet."""

    def __init__(self, uri: str, root: Path, patch: pytest.MonkeyPatch) -> None:
        self.client: MlflowClient = connect(uri)
        self._uri, self._root, self._patch = uri, root, patch
        self.experiment = f"takeover-{next(_numbers)}-{root.name}"
        self.about = About("train", "c0ffee" * 8, "a run", {"a": 1}, {}, "note")

    def on(self, host: str) -> None:
        """Be this machine from now on."""
        self._patch.setattr("socket.gethostname", lambda: host)
        self._patch.setenv("MEMEST_HOME", str(self._root / host))

    @contextmanager
    def opened(self, experiment: str = "") -> Iterator[Any]:
        """The run, opened here; an `Opened` whose run is an `MlflowRun`."""
        with open_run(self.about, self._uri, experiment or self.experiment) as opened:
            yield opened

    def crash(self, host: str, work: Callable[[Any], object]) -> None:
        """Work on a machine, and die there as with kill -9: nothing more is said, the lock is free."""
        self.on(host)
        with pytest.raises(KilledError), self.opened() as opened:
            work(opened.run)
            until(lambda: not opened.run._journal.left[0])
            opened.run._stop()
            opened.run.fail = lambda *_, **__: None
            raise KilledError

    def silent(self) -> None:
        """Long after the last sign of life."""
        self.client.set_tag(self.run.info.run_id, HEARTBEAT, str(int(time.time()) - 1000))

    @property
    def run(self) -> Any:
        """The only run of the experiment, as the server has it."""
        found = self.client.get_experiment_by_name(self.experiment)
        (only,) = self.client.search_runs([found.experiment_id])
        return only

    @property
    def state(self) -> tuple[str, str]:
        """Status and state of the run on the server."""
        return self.run.info.status, self.run.data.tags["memest.state"]


class KilledError(BaseException):
    pass


def until(due: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not due():
        assert time.monotonic() < deadline
        time.sleep(0.01)
