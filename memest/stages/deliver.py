"""Bring to the server what finished or died without having been delivered."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from memest import tracking
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
        UndeliveredError: something could not be.
    """
    return tracking.deliver(None if config.folder == "all" else Path(config.folder))
