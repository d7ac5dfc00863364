"""What a fault is, and the list of all of them.

A fault is a function that breaks something on a real platform and returns what came of it in words; it
raises `AssertionError` if that is not what must come of it. Continuous integration runs those marked so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from faults.site import Site

Cause = Callable[[Site], str]


@dataclass(frozen=True)
class Fault:
    """One thing that can happen.

    Attributes:
        group: a heading of the table.
        what: is done.
        must: come of it.
        cause: does it, looks, and says what was seen.
        often: whether continuous integration runs it.
        stops_servers: whether others that use these servers meanwhile would notice.
    """

    group: str
    what: str
    must: str
    cause: Cause
    often: bool = False
    stops_servers: bool = False


FAULTS: list[Fault] = []


def fault(
    group: str, what: str, must: str, often: bool = False, stops_servers: bool = False
) -> Callable[[Cause], Cause]:
    """Put the decorated function on the list."""

    def add(cause: Cause) -> Cause:
        FAULTS.append(Fault(group, what, must, cause, often, stops_servers))
        return cause

    return add
