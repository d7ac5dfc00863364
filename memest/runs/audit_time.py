"""The time of an audit, shared out among its networks, and what became of the plan."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from statistics import fmean

from memest.runs.audit_plan import PASSES, AuditPlan
from memest.runs.in_time import RECENT
from memest.runs.parts import last_epoch
from memest.runs.prepare import Prepared
from memest.runs.stopping import STOPPED
from memest.store import Blobs, SheetReader

WHY, DECIDED = "why fewer epochs", "audit_epochs.json"
_TRAINING = 0.9
"""Share of the budget after which no further epoch begins: the rest is for judging and for the report."""


def in_turn(
    parts: Sequence[Prepared], plan: AuditPlan, began: float, clock: Callable[[], float] = time.monotonic
) -> Iterator[Prepared]:
    """The networks, each with its share of the time that is left when its turn comes.

    What each takes besides its epochs, such as predicting, storing and uploading, is set aside for all that
    are to come: as was measured for the plan, and from the second network on as the one before took. How much
    of the first one's is repeated is not known before the second: halfway between the two is set aside.

    Args:
        parts: to train; as they are where they have no allowance.
        plan: what they were chosen by.
        began: when the audit did, by the clock.
        clock: seconds.
    """
    price, used = plan.seconds / plan.epochs / plan.folds, clock() - began
    features = plan.besides / PASSES
    besides = (plan.besides - features) / plan.folds
    known = False
    for number, part in enumerate(parts):
        if part.allowance is None:
            yield part
            continue
        turn, left = clock(), _TRAINING * part.allowance.budget - features - used
        share = left / (len(parts) - number) - besides
        part = replace(part, allowance=replace(part.allowance, seconds=share, price=price))
        yield part
        rule = part.in_time()
        took = rule.took if rule else []
        whole = max(sum(took), clock() - turn)
        used += whole
        if rest := whole - sum(took):  # 0: it was trained before
            besides, known = rest if known else (besides + rest) / 2, True
        price = fmean(took[-RECENT:]) if took else price


def decided(parts: Sequence[Prepared]) -> bytes:
    """What was decided after every epoch of each network: JSON, by the name of its file."""
    rules = [rule for part in parts if (rule := part.in_time())]
    return json.dumps({rule.path.name: rule.decided for rule in rules}).encode()


def forget(parts: Sequence[Prepared]) -> None:
    """Drop what was decided, so that networks that are trained again have their own time."""
    for part in parts:
        if rule := part.in_time():
            rule.path.unlink(missing_ok=True)


def shortened(plan: AuditPlan, made: Sequence[Blobs]) -> dict[str, str]:
    """How many epochs there were instead of those planned, and why, as words by name; {} where all were.

    Args:
        plan: of the audit.
        made: of its finished networks.
    """
    epochs = [last_epoch(SheetReader.open(blobs)) for blobs in made]
    stopped = [json.loads(blobs.get(STOPPED)) for blobs in made if STOPPED in blobs.names("")]
    if not stopped:
        return {}
    price = plan.seconds / plan.epochs / plan.folds
    return {
        "epochs": f"{', '.join(map(str, epochs))} ({plan.epochs} planned)",
        WHY: f"{stopped[0]['why']}, {price:.2g} s were planned, and all else that took time is counted",
    }
