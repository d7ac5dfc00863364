"""Whether a run ends before its last epoch: rules by name, for `--stop-when`.

Axes: N examples.
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
from memest.grammar.online import SEEN
from memest.grammar.registry import Registry
from memest.grammar.spec import Spec
from memest.grammar.values import Count, PositiveShare
from memest.metrics import pearson

TRACE = f"{SEEN}loss"
"""The score whose ranking must be stable: it comes with training, at every epoch."""
STATE, METRIC = "stopping", "halves_agree"
"""What a rule remembers in the state of training, and the metric that it follows."""
STOPPED = "stopped.json"
"""The file of a run that stopped early: after which epoch, of how many, and why."""


@dataclass
class Stability:
    """Ends a run when two halves of its epochs say the same of its examples.

    After epoch t the losses of the odd epochs up to t are summed for each example, and those of the even
    ones. The correlation (Pearson) of the two sums, the split-half reliability, is near 1 once further epochs
    hardly move an example among the others. Ranks are not used: between the many examples that are learned
    at once they are chance, and never agree.

    Attributes:
        agreement: the correlation that is enough.
        epochs: at how many epochs in a row.
        sums: of the odd epochs and of the even ones, (2, N); empty before the first.
        held: epochs in a row so far.
        reason: why the run ended, in words; empty while it goes on.
    """

    agreement: float
    epochs: int
    sums: NDArray[np.float64] = field(default_factory=lambda: np.zeros((2, 0)))
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
        losses_N = scores[TRACE].astype(np.float64)
        if not self.sums.size:
            self.sums = np.zeros((2, len(losses_N)))
        self.sums[epoch % 2] += losses_N
        if epoch < 2:
            return {}
        found = pearson(*self.sums)
        self.held = self.held + 1 if found >= self.agreement else 0
        if self.held >= self.epochs:
            self.reason = (
                f"stable after epoch {epoch}: the sums of {TRACE} over its odd and over its even epochs "
                f"correlate to {found:.3f}, at least {self.agreement:g} at {self.epochs} epochs in a row"
            )
        return {METRIC: found}

    def state(self) -> dict[str, Any]:
        """What `restore` goes on from: tensors and plain values."""
        return {"sums": torch.from_numpy(self.sums.copy()), "held": self.held, "reason": self.reason}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from where another process was."""
        self.sums = state["sums"].cpu().numpy().copy()
        self.held, self.reason = state["held"], state["reason"]


STOPPING: Registry[Callable[..., Stability | None]] = Registry("stopping rule")


@STOPPING.register
def never() -> None:
    """The run trains all of its epochs."""


@STOPPING.register
def stable(*, agreement: PositiveShare = 0.95, epochs: Count = 2) -> Stability:
    """The run ends once two halves of its epochs agree on seen/csl.

    Args:
        agreement: the correlation of the sums over odd and over even epochs that is enough.
        epochs: in a row at which it must be reached.
    """
    return Stability(agreement, epochs)


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
