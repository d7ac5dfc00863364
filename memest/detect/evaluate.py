"""How well one suspicion finds the examples that were changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from numpy.typing import ArrayLike

from memest.metrics import Estimate, Ranking

DEPTHS = (0.01, 0.05)
"""How far down the list precision is read, as shares of all examples, beside the number of positives."""


@dataclass(frozen=True)
class Detection:
    """How well one suspicion finds one set of changed examples.

    Attributes:
        auroc: with its 95 % interval, `metrics.detection.interval`.
        average_precision: in (0, 1]; `positives / examples` is chance.
        fpr95: the share of unchanged examples flagged when 95 % of the changed ones are; lower is better.
        precision_at: list length k → share of changed examples among the k most suspicious, with k at
            1 % and 5 % of the examples and at the number of positives (where it is also the recall).
        positives: how many examples were changed.
        examples: how many were judged.
    """

    auroc: Estimate
    average_precision: float
    fpr95: float
    precision_at: Mapping[int, float]
    positives: int
    examples: int

    def figures(self) -> dict[str, float]:
        """What tables show of it, by column; precision is that at the number of positives."""
        return {
            "auroc": self.auroc.value,
            "low": self.auroc.low,
            "high": self.auroc.high,
            "average_precision": self.average_precision,
            "fpr95": self.fpr95,
            "precision": self.precision_at[self.positives],
        }


def detect(suspicion_N: ArrayLike, changed_N: ArrayLike) -> Detection:
    """Judge suspicion, (N,), higher = more suspicious, against what was changed, (N,) booleans.

    To judge some examples only, give only those.

    Raises:
        DataError: wrong shapes, suspicion that is not finite, nothing or everything changed.
    """
    return judge(Ranking(suspicion_N, changed_N, "suspicion"))


def judge(ranking: Ranking) -> Detection:
    """The same of examples that are ranked already."""
    examples, positives = ranking.positives_N.size, int(ranking.positives_N.sum())
    lengths = {positives, *(max(1, round(depth * examples)) for depth in DEPTHS)}
    return Detection(
        auroc=ranking.interval(),
        average_precision=ranking.average_precision(),
        fpr95=ranking.fpr_at_tpr(0.95),
        precision_at={k: ranking.precision_at(k) for k in sorted(lengths)},
        positives=positives,
        examples=examples,
    )
