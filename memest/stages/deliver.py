"""Bring to the server what finished or died without having been delivered."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from memest import tracking
from memest.errors import SettingError
from memest.grammar.config import option


@dataclass(frozen=True)
class DeliverConfig:
    """Everything a delivery can be told."""

    folder: str = option(
        "all", "what to deliver: a run of --tracking offline, or a journal; all: what servers wait for"
    )


def deliver(config: DeliverConfig) -> str:
    """What was delivered, a line for each run.

    Raises:
        SettingError: the folder is empty text, which would mean the working directory.
        UndeliveredError: something could not be.
    """
    if not config.folder.strip():
        raise SettingError("--folder is the journal that an error named, or all; it came empty")
    return tracking.deliver(None if config.folder == "all" else Path(config.folder))
