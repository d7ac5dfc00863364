"""What a command has to say, and whether it is good news."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Verdict:
    """The outcome of a command that judges: exit code 0 if it is good, else 1.

    Attributes:
        text: to print.
        good: whether it succeeded.
        run: id of the run that holds the result, where there is one.
        before: whether an earlier run of the same configuration was found.
    """

    text: str
    good: bool
    run: str = ""
    before: bool = False

    def __str__(self) -> str:
        return self.text
