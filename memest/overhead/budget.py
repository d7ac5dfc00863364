"""Choosing scores and epochs so that scoring keeps within a share of the time that training takes.

What training and each score cost is measured first (`prices`); then the settings that fit are chosen. They
are ordinary settings of a run, and part of its key.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from memest.errors import SettingError
from memest.grammar.spec import Spec
from memest.overhead.prices import Prices
from memest.overhead.schedule import ScoringSchedule, every_in_words
from memest.scores import SCORES, ScoreSet

MARGIN = 0.9
"""Share of the budget that is used: measured prices are estimates."""
FEWEST = 5
"""Epochs of gradient scores below which probes are halved to measure at more epochs."""


@dataclass(frozen=True)
class Choice:
    """A schedule that fits a budget, and the prices it was chosen by.

    Attributes:
        schedule: what is measured when.
        max_overhead: the budget, as a share of training time.
        prices: measured on this machine.
        choosing: seconds that measuring prices and choosing took.
    """

    schedule: ScoringSchedule
    max_overhead: float
    prices: Prices
    choosing: float = 0.0

    def to_json(self) -> bytes:
        """JSON bytes that `from_json` reads."""
        record = {"max_overhead": self.max_overhead, "chosen": asdict(self.schedule)}
        record |= {"seconds": asdict(self.prices), "choosing": self.choosing}
        return json.dumps(record, indent=1).encode()

    @classmethod
    def from_json(cls, content: bytes) -> Choice:
        """The choice in `content`.

        Raises:
            LookupError, TypeError, ValueError: it is none.
        """
        record = json.loads(content)
        schedule, prices = ScoringSchedule(**record["chosen"]), Prices(**record["seconds"])
        return cls(schedule, record["max_overhead"], prices, record.get("choosing", 0.0))

    def text(self) -> str:
        """The choice for a terminal, a line for each kind of score."""
        scores = ScoreSet(self.schedule.scores)
        kinds = {"scores from logits": self.schedule.score_every} if scores.of("logits") else {}
        if gradients := scores.of("input"):
            kinds[", ".join(spec.short() for spec in gradients.specs)] = self.schedule.gradient_every
        lines = [f"{what}: {every_in_words(k)}" for what, k in kinds.items()]
        return "\n  ".join([f"to keep scoring within {self.max_overhead:.0%} of training:", *lines])


def choose(asked: ScoringSchedule, prices: Prices, epochs: int, share: float) -> ScoringSchedule:
    """The schedule that measures most within `share` of the training time; never more than was asked.

    Gradient scores first get half of the budget. Where fewer than five epochs of them fit, probes are halved
    down to one, since an average over epochs is worth more than one over probes; specs that become equal
    are measured once. Clean passes for logit scores get what is left, and gradients again what these leave.

    Raises:
        SettingError: only gradient scores were asked for, and not two epochs of one probe fit.
    """
    budget = MARGIN * share * prices.training * epochs - prices.idle * epochs
    schedule = _fewer_probes(replace(asked, score_every=0), prices, epochs, budget / 2)
    schedule = _most(_gradients(schedule, asked, epochs), prices, epochs, budget / 2)
    schedule = _most(_logits(schedule, asked, epochs), prices, epochs, budget)
    schedule = _most(_gradients(schedule, asked, epochs), prices, epochs, budget)
    if not schedule.gradient_every and not ScoreSet(asked.scores).of("logits"):
        least = cost(replace(schedule, gradient_every=epochs), prices, epochs)
        needed = (least / epochs + prices.idle) / (MARGIN * prices.training)
        raise SettingError(
            f"--max-overhead {share:g}: no two epochs of {asked.scores} fit, even with one probe; "
            f"{f'{needed:.2f} would do' if needed <= 1 else 'more epochs of training would help'}, or add "
            "logits to --scores, which come with training"
        )
    return schedule if schedule.gradient_every else replace(schedule, scores=asked.scores)


def cost(schedule: ScoringSchedule, prices: Prices, epochs: int) -> float:
    """Seconds of scoring that a schedule takes in all."""
    return sum(prices.of(schedule.due(epoch, epochs)) for epoch in range(epochs + 1))


def _fewer_probes(schedule: ScoringSchedule, prices: Prices, epochs: int, budget: float) -> ScoringSchedule:
    """The schedule with the most probes at which five epochs fit, or one probe."""
    while (halved := _halved(schedule.scores)) != schedule.scores:
        seconds = prices.of(ScoreSet(schedule.scores))
        if seconds * min(FEWEST, epochs + 1) <= budget:
            break
        schedule = replace(schedule, scores=halved)
    return schedule


def _halved(scores: str) -> str:
    return str(ScoreSet(", ".join(str(_half(spec)) for spec in ScoreSet(scores).specs)))


def _half(spec: Spec) -> Spec:
    if "probes" not in spec.settings:
        return spec
    fewer: Mapping[str, Any] = spec.settings | {"probes": max(1, spec.settings["probes"] // 2)}
    return SCORES.parse(Spec(spec.name, tuple(fewer.items())))


def _most(
    candidates: Iterator[ScoringSchedule], prices: Prices, epochs: int, budget: float
) -> ScoringSchedule:
    """The first of the candidates that fits; the last, which measures least, if none does."""
    for candidate in candidates:
        if cost(candidate, prices, epochs) <= budget:
            break
    return candidate


def _gradients(schedule: ScoringSchedule, asked: ScoringSchedule, epochs: int) -> Iterator[ScoringSchedule]:
    """The schedule with gradient scores ever more rarely, from as often as asked to never."""
    for k in [*range(asked.gradient_every, max(asked.gradient_every, epochs) + 1), 0]:
        yield replace(schedule, gradient_every=k)


def _logits(schedule: ScoringSchedule, asked: ScoringSchedule, epochs: int) -> Iterator[ScoringSchedule]:
    """The schedule with logit scores ever more rarely."""
    for k in [*range(asked.score_every, max(asked.score_every, epochs) + 1), 0]:
        yield replace(schedule, score_every=k)
