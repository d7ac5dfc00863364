"""Whether a run ends before its last epoch: rules by name, for `--stop-when`.

Axes: E epochs, N examples, n of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from memest.errors import SettingError
from memest.grammar.registry import Registry
from memest.grammar.spec import SEEN, Spec
from memest.grammar.values import Count, PositiveShare
from memest.metrics import pearson

TRACE = f"{SEEN}loss"
"""The score whose ranking must be stable: it comes with training, at every epoch."""
SAMPLE = 10_000
"""Examples that are looked at, so that memory does not grow with their number."""
STATE, METRIC = "stopping", "agrees_with_half"
"""What a rule remembers in the state of training, and the metric that it follows."""
STOPPED = "stopped.json"
"""The file of a run that stopped early: after which epoch, of how many, and why."""


@dataclass
class Stability:
    """Ends a run when the second half of its epochs has not changed what the first half said of its examples.

    After epoch t the losses of each example are summed up to t, and up to t/2. The correlation (Pearson) of
    the two sums is near 1 once further epochs hardly move an example among the others: because they agree
    with those before, or because everything is memorized and there is no loss left to add.

    Attributes:
        agreement: the correlation that is enough.
        epochs: at how many epochs in a row.
        sums: losses of n examples summed up to each epoch, (n,) each: at most `SAMPLE`, at equal distances.
        held: epochs in a row so far.
        reason: why the run ended, in words; empty while it goes on.
    """

    agreement: float
    epochs: int
    sums: list[NDArray[np.float64]] = field(default_factory=list)
    held: int = 0
    reason: str = ""

    def add(self, epoch: int, scores: Mapping[str, NDArray[np.float32]]) -> dict[str, float]:
        """Take in an epoch; the metric, from the second epoch on.

        Args:
            epoch: its number.
            scores: (N,) by key; `seen/loss` is among them after every epoch but 0.
        """
        if TRACE not in scores:
            return {}
        losses_n = scores[TRACE][:: -(-len(scores[TRACE]) // SAMPLE)].astype(np.float64)
        self.sums.append(self.sums[-1] + losses_n if self.sums else losses_n)
        if epoch < 2:
            return {}
        found = pearson(self.sums[-1], self.sums[epoch // 2 - 1])
        self.held = self.held + 1 if found >= self.agreement else 0
        if self.held >= self.epochs:
            self.reason = (
                f"stable after epoch {epoch}: the sums of {TRACE} up to there and up to half of it correlate "
                f"to {found:.3f}, at least {self.agreement:g} at {self.epochs} epochs in a row"
            )
        return {METRIC: found}

    def state(self) -> dict[str, Any]:
        """What `restore` goes on from: tensors and plain values."""
        return {"sums": [*map(torch.from_numpy, self.sums)], "held": self.held, "reason": self.reason}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from where another process was."""
        self.sums = [sums.cpu().numpy() for sums in state["sums"]]
        self.held, self.reason = state["held"], state["reason"]


STOPPING: Registry[Callable[..., Stability | None]] = Registry("stopping rule")


@STOPPING.register
def never() -> None:
    """The run trains all of its epochs."""


@STOPPING.register
def stable(*, agreement: PositiveShare = 0.95, epochs: Count = 2) -> Stability:
    """The run ends once `seen/csl` of all its epochs agrees with that of their first half.

    Args:
        agreement: the correlation of the two that is enough.
        epochs: in a row at which it must be reached.
    """
    return Stability(agreement, epochs)


def stable_after(losses: NDArray[np.float32], agreement: float) -> int:
    """The epoch after which `stable` ends a run with these losses; the last if it does not.

    Args:
        losses: of the training batches, (E, N), from epoch 1 on.
        agreement: the correlation that is enough, at two epochs in a row.
    """
    rule = Stability(agreement, epochs=2)
    for epoch, losses_N in enumerate(losses, start=1):
        rule.add(epoch, {TRACE: losses_N})
        if rule.reason:
            return epoch
    return len(losses)


def require_meaning(rule: str, protocol: str, free: Sequence[str]) -> None:
    """Refuse a rule that the run gives nothing to judge by, or that would cut its protocol short.

    Args:
        rule: a spec.
        protocol: of the run, a spec.
        free: the scores that come with training, by key.

    Raises:
        SettingError: the protocol makes several trainings, whose epochs must agree, or loss is not measured.
    """
    if STOPPING.call(rule) is None:
        return
    if Spec.parse(protocol).name != "standard":
        raise SettingError(
            f"--stop-when {STOPPING.short(rule)} ends one training early, and --protocol {protocol} compares "
            "trainings of equally many epochs: leave one of the two out"
        )
    if "loss" not in free:
        raise SettingError(
            f"--stop-when {STOPPING.short(rule)} ranks by {TRACE}: add loss to --scores {', '.join(free)}"
        )


def stopped_text(content: bytes) -> str:
    """Why a run stopped early, for a terminal, from what it kept as `STOPPED`."""
    kept = json.loads(content)
    return f"ended at epoch {kept['epoch']} of {kept['epochs']}: {kept['why']}"
