"""The point from which a run that died goes on: bytes in one file, never half written.

The stage knows what the bytes mean.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from pathlib import Path

from memest.files import drop_partials, write_whole

_SHARE = 0.01
"""Writing may take this share of the time."""
_LONGEST = 600.0
"""Seconds after which the next point is saved, however long the last one took: a disk may have been busy."""
_EVERY_EPOCH = "MEMEST_RESUME_EVERY_EPOCH"
_log = logging.getLogger(__name__)


class ResumePoint:
    """`resume.pt` of one run.

    Args:
        folder: of the run.
        before: makes what the run has said so far safe; the point must not run ahead of it.
        clock: seconds.

    Attributes:
        anew: called when the point is refused, to clear away what the run has made so far.
    """

    def __init__(
        self,
        folder: Path,
        before: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = folder / "resume.pt"
        self._before, self._clock = before, clock
        self.anew: Callable[[], None] = lambda: None
        self._always = os.environ.get(_EVERY_EPOCH, "") not in ("", "0")
        self._due = 0.0

    @property
    def there(self) -> bool:
        """Whether there is one."""
        return self._path.is_file()

    def load(self) -> bytes | None:
        """What was saved last, if anything was."""
        drop_partials(self._path)
        return self._path.read_bytes() if self.there else None

    def save(self, make: Callable[[], bytes], must: bool = False) -> None:
        """Replace what was saved, unless that was too short ago: saving takes one hundredth of the time.

        Ten minutes are never too short.

        Args:
            make: gives the bytes; called only if they are saved.
            must: save in any case.
        """
        began = self._clock()
        if began < self._due and not must and not self._always:
            return
        self._before()
        write_whole(self._path, make())
        ended = self._clock()
        self._due = ended + min((ended - began) / _SHARE, _LONGEST)

    def refuse(self, reason: str) -> None:
        """Drop what was saved, and say why: the run starts anew."""
        _log.warning("%s is not used, the run starts anew: %s", self._path, reason)
        self.clear()
        self.anew()

    def clear(self) -> None:
        """Drop what was saved."""
        self._path.unlink(missing_ok=True)
