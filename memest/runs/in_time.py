"""Training that keeps within its time where the machine turns out slower than planned.

After every epoch as many more are planned as fit into the time that is left. What was decided is written down
before the next epoch begins, so that a run that dies and goes on repeats it and ends with the same bytes.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memest.errors import SheetError
from memest.files import write_whole
from memest.training import Pacing

RECENT = 2
"""Epochs whose mean says what the next one takes."""


@dataclass(frozen=True)
class Allowance:
    """The time that a run may take, and what it was planned with.

    Attributes:
        budget: seconds that the user allowed, for all there is to do.
        seconds: of them, for this run.
        price: seconds that an epoch takes, as measured before.
    """

    budget: float
    seconds: float = 0.0
    price: float = 0.0


class InTime:
    """Decides after every epoch of a run which is to be its last one.

    Args:
        allowance: of the run.
        epochs: planned, and the most there can be.
        path: the file of what was decided.
        clock: seconds.

    Attributes:
        pacing: of the run.
        path: the file.
        decided: seconds of every epoch, 0 first, and the last epoch decided on after it.
        reason: why the run ended before all planned epochs, in words; empty while it has not.
    """

    def __init__(
        self, allowance: Allowance, epochs: int, path: Path, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.pacing = Pacing(epochs)
        self.reason = ""
        self._allowance, self._most, self.path, self._clock = allowance, epochs, path, clock
        self.decided = _read(path)
        self._since, self._epoch = clock(), 0

    @property
    def took(self) -> list[float]:
        """Seconds of every epoch so far, in this process and those before it."""
        return [seconds for seconds, _ in self.decided[1:]]

    def add(self, epoch: int, scores: Mapping[str, Any]) -> dict[str, float]:
        """Decide after an epoch, 0 for the untouched network, or repeat what was decided; no metric.

        Args:
            epoch: that has ended.
            scores: not looked at.
        """
        now = self._clock()
        if epoch >= len(self.decided):
            self.decided.append(self._decision(epoch, now - self._since))
            write_whole(self.path, json.dumps(self.decided).encode())
        self._since = now
        self._follow(epoch)
        return {}

    def state(self) -> dict[str, Any]:
        """What `restore` goes on from; what was decided stands in the file."""
        return {"epoch": self._epoch}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from where another process was; it may have decided further than that.

        Raises:
            SheetError: the file does not say what was decided up to there.
        """
        if len(self.decided) <= state["epoch"]:
            raise SheetError(f"what was decided up to epoch {state['epoch']} is not in {self.path}")
        for epoch in range(state["epoch"] + 1):
            self._follow(epoch)

    def _decision(self, epoch: int, seconds: float) -> tuple[float, int]:
        """Seconds of an epoch, and the last epoch there is to be from now on."""
        took = self.took + [seconds] * bool(epoch)
        price = sum(took[-RECENT:]) / len(took[-RECENT:]) if took else self._allowance.price
        left = self._allowance.seconds - sum(took)
        fit = epoch + int(left / price) if price else self._most
        return seconds, min(self._most, max(fit, epoch + 1))

    def _follow(self, epoch: int) -> None:
        """Make what was decided after an epoch come true."""
        self._epoch = epoch
        if epoch == self.pacing.last:
            self.reason = self._why(epoch) if epoch < self._most else ""
            return
        self.pacing.end_with(self.decided[epoch][1], epoch)

    def _why(self, epoch: int) -> str:
        took = sum(self.took[:epoch]) / epoch
        return f"{epoch} epochs instead of {self._most} fit into the time: one took {took:.2g} s on average"


def _read(path: Path) -> list[tuple[float, int]]:
    """Seconds of every epoch, 0 first, and the last epoch decided on after it; [] without a file."""
    with suppress(OSError, TypeError, ValueError):
        return [(float(seconds), int(last)) for seconds, last in json.loads(path.read_bytes())]
    return []
