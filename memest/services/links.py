"""A chain of checks: each link holds, is broken with a remedy, or is skipped.

A check is a function that returns what it found, or raises. None may take longer than its limit, so that
a server which accepts and never answers is a finding, not a wait.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from memest.errors import masked
from memest.services.patience import patient

LIMIT = 10.0


class BrokenLinkError(Exception):
    """A link that does not hold, and what to do about it."""

    def __init__(self, details: str, remedy: str) -> None:
        super().__init__(details)
        self.remedy = remedy


class SkippedLinkError(Exception):
    """A link that there is nothing to check of, and why."""


@dataclass(frozen=True)
class Check:
    """One link.

    Attributes:
        name: for people.
        look: what it found, in a few words; raises BrokenLinkError or SkippedLinkError.
        needs: the links it hangs on; if one of them is broken or was not reached, it is skipped.
        limit: seconds it may take.
    """

    name: str
    look: Callable[[], str]
    needs: tuple[str, ...] = ()
    limit: float = LIMIT


@dataclass(frozen=True)
class CheckResult:
    """The outcome of one check."""

    name: str
    state: Literal["ok", "FAILED", "skipped"]
    details: str
    remedy: str = ""
    missed: bool = False


def examine(checks: Iterable[Check]) -> list[CheckResult]:
    """Every check in turn."""
    found: dict[str, CheckResult] = {}
    for check in checks:
        broken = next((name for name in check.needs if name in found and _missed(found[name])), None)
        if broken:
            found[check.name] = CheckResult(check.name, "skipped", f"needs: {broken}", missed=True)
        else:
            found[check.name] = _look(check)
    return list(found.values())


def _missed(finding: CheckResult) -> bool:
    return finding.state == "FAILED" or finding.missed


def _look(check: Check) -> CheckResult:
    outcome: list[CheckResult] = []
    worker = threading.Thread(target=lambda: outcome.append(_judge(check)), daemon=True)
    worker.start()
    worker.join(patient(check.limit))
    if outcome:
        return outcome[0]
    return CheckResult(
        check.name,
        "FAILED",
        f"no answer in {patient(check.limit):.0f} s",
        "the other side accepts and stays silent: look at its log, restart it, or correct its address",
    )


def _judge(check: Check) -> CheckResult:
    try:
        return CheckResult(check.name, "ok", check.look())
    except SkippedLinkError as why:
        return CheckResult(check.name, "skipped", str(why))
    except BrokenLinkError as error:
        return CheckResult(check.name, "FAILED", str(error), error.remedy)
    except Exception as error:  # a check must not end the others: what it met is the finding
        text = masked(" ".join(f"{type(error).__name__}: {error}".split()))
        return CheckResult(
            check.name, "FAILED", text[:300], "this was not foreseen: read the error, then the logs"
        )
