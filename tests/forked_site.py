"""The place of a fault whose trainings are forked; and the run that faults disturb, undisturbed."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock
from forked import Forked
from real_servers import SHARED

from faults.site import MEMEST, PATIENCE, Site, train_command, undisturbed


class ForkedSite(Site):
    """Its trainings are forked from a process that has imported what they need, and paint no pictures."""

    pictures: Mapping[str, str] = {"MEMEST_PICTURES": "0"}

    def start(self, command: list[str] | None = None, **environment: str) -> Any:
        """A training run in a process of its own; another command as everywhere."""
        words = command or train_command(self.experiment)
        if words[:3] == MEMEST:
            words = [sys.executable, "-m", "memest", *words[3:]]
        if words[:2] != [sys.executable, "-m"]:
            return super().start(command, **environment)
        return Forked(words[2:], self.environment | {**self.pictures, **environment}, self.root)


class SiteWithPictures(ForkedSite):
    """Its trainings paint, for what looks into every file."""

    pictures: Mapping[str, str] = {}


def undisturbed_run() -> dict[str, bytes]:
    """The blobs of the run that faults disturb, undisturbed; trained once for all tests of a session."""
    room = Path(os.environ[SHARED])
    home = room / "undisturbed"
    with FileLock(room / "training"):
        if not home.exists():
            home.mkdir()
            alone = os.environ | PATIENCE | {"MEMEST_HOME": str(home)}
            process = Forked(train_command("none", tracking="off")[2:], alone, home)
            assert process.wait() == 0, process.said
        return undisturbed(home)
