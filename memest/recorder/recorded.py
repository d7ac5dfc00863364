"""What sealing and listing read of a recorder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from memest.recorder.examples import Examples
from memest.recorder.observed import Observed
from memest.recorder.recording import Recording
from memest.store import Blobs
from memest.store.tables import Columns
from memest.tracking import About


@dataclass(frozen=True)
class Sealed:
    """A finished recording: what its run is about, and where its bytes lie."""

    about: About
    blobs: Blobs
    summary: Columns


class RecorderView(Protocol):
    """The recorder, as `sealing` and `suspicious` see it."""

    @property
    def epoch(self) -> int: ...
    @property
    def scores(self) -> str: ...
    @property
    def examples(self) -> Examples: ...
    @property
    def recording(self) -> Recording: ...
    @property
    def about(self) -> dict[str, Any]: ...
    @property
    def classes(self) -> tuple[str, ...]: ...
    @property
    def observed(self) -> Observed: ...
    def sealed(self) -> Sealed: ...
