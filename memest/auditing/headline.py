"""What an audit found, in sentences: the head of its report."""

from __future__ import annotations

import math
from collections import Counter

from memest.auditing.findings import Findings, Planted
from memest.auditing.tables import expected_wrong

_DEPTH = 0.9
"""Share of the planted errors for which the length of the list is said."""


def headline(findings: Findings) -> str:
    """The finding in one sentence."""
    wrong, count = int((findings.kind == "wrong").sum()), len(findings)
    if not wrong:
        return f"No label of {count:,} images looks wrong"
    return f"{wrong:,} of {count:,} labels {'looks' if wrong == 1 else 'look'} wrong"


def sentences(findings: Findings) -> list[str]:
    """How far to trust it, and what else was found: one sentence each."""
    said = [_share(findings), _planted(findings), _copies(findings), _unreadable(findings)]
    return [sentence for sentence in said if sentence]


def percent(share: float) -> str:
    """A share as people write it: 97 %, 4.3 %, 100 %."""
    if share in (0, 1) or 0.1 <= share < 0.995:
        return f"{100 * share:.0f} %"
    return f"{min(100 * share, 99.9):.1f} %"


def reach(planted: Planted, share: float = _DEPTH) -> int | None:
    """How many of the list to look at until that share of the planted errors is found; None: all of it."""
    enough = planted.found >= math.ceil(share * planted.count)
    return int(enough.argmax()) + 1 if enough.any() else None


def _share(findings: Findings) -> str:
    estimate = findings.estimate
    if math.isnan(estimate.share):
        return ""
    if estimate.unknown:
        return f"How many labels are wrong cannot be told before somebody looks: {estimate.unknown}."
    if not estimate.reviewed:
        between = f", {percent(estimate.low)} to {percent(estimate.high)}"
        return (
            f"About {percent(estimate.share)} of all labels are wrong"
            f"{between * (estimate.low < estimate.high)}: a guess of the model, before anybody has looked."
        )
    return (
        f"Between {percent(estimate.low)} and {percent(estimate.high)} of all labels are wrong "
        f"(95 % interval, after a review of {estimate.reviewed:,})."
    )


def _planted(findings: Findings) -> str:
    planted = findings.planted
    if planted is None or not planted.count:
        return ""
    length = expected_wrong(findings)
    share = percent(int(planted.found[length - 1]) / planted.count)
    further = f"; {percent(_DEPTH)} among the first {depth:,}" if (depth := reach(planted)) else ""
    return (
        f"Of {planted.count:,} errors planted on purpose, {share} stand among the first {length:,} of the "
        f"list, as many as are wrong by that guess{further}. Real errors may be harder to find."
    )


def _copies(findings: Findings) -> str:
    if not findings.groups:
        return ""
    relations = Counter(group.relation for group in findings.groups)
    counts = (
        (relations["conflicting"], "with conflicting labels"),
        (relations["test set"], "reaching into the test set"),
    )
    parts = [f"{count:,} {words}" for count, words in counts if count]
    groups = f"{len(findings.groups):,} {'group' if len(findings.groups) == 1 else 'groups'}"
    return f"{groups} of copies{': ' if parts else ''}{', '.join(parts)}."


def _unreadable(findings: Findings) -> str:
    count = len(findings.unreadable)
    return f"{count:,} {'file' if count == 1 else 'files'} could not be read." if count else ""
