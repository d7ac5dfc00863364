"""Which scores are measured at which epochs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from memest.errors import SettingError
from memest.scores import ScoreSet
from memest.training import EPOCHS


@dataclass(frozen=True)
class ScoringSchedule:
    """When scores are measured: at every k-th epoch and the last; k = 0: never.

    Attributes:
        scores: what to measure, in the grammar.
        score_every: k of the scores from logits.
        gradient_every: k of the scores from input gradients; scores from logits are measured with them.
    """

    scores: str
    score_every: int
    gradient_every: int

    def due(self, epoch: int, epochs: int) -> ScoreSet:
        """The scores to measure at `epoch` of a training of `epochs` epochs."""
        scores, logits, near = _kinds(self.scores)
        if len(near) and _is_due(self.gradient_every, epoch, epochs):
            return scores
        return logits if _is_due(self.score_every, epoch, epochs) else ScoreSet("")

    def require_something(self) -> None:
        """Refuse a run that would store nothing.

        Raises:
            SettingError: there is no score from logits, and gradients are measured at no epoch.
        """
        _, logits, _ = _kinds(self.scores)
        if not len(logits) and not self.gradient_every:
            raise SettingError(
                f"--scores {self.scores} would be measured at no epoch; give a --gradient-every of 1 or "
                "more, or add logits, which come with training"
            )


def every_in_words(k: int) -> str:
    """A setting of k in words, such as `every 3 epochs, and the last`."""
    return {0: "never", 1: "every epoch"}.get(k, f"every {k} epochs, and the last")


@cache
def _kinds(scores: str) -> tuple[ScoreSet, ScoreSet, ScoreSet]:
    """All scores, those from logits, those from input gradients."""
    everything = ScoreSet(scores)
    return everything, everything.of("logits"), everything.of("input")


def _is_due(every: int, epoch: int, epochs: int) -> bool:
    return every > 0 and EPOCHS["every"](epoch, epochs, k=every)
