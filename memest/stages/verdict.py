"""What a command has to say, and whether it is good news."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Verdict:
    """The outcome of a command that judges: exit code 0 if it is good, else 1."""

    text: str
    good: bool
