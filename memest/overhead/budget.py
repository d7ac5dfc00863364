"""Which epochs get which scores; and, where scoring must keep within a budget, choosing that.

A budget is a share of the time that training takes. What training and each score cost is measured first,
on a copy of the network and a few hundred images; then the settings that fit are chosen, once, and the run
is made with these: they are ordinary settings, and part of its key. What was chosen is remembered in
`.memest/plans`, so that the same command on the same machine finds the same run.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memest.errors import SettingError
from memest.grammar.config import digest, flatten
from memest.grammar.spec import Spec
from memest.overhead.prices import Prices
from memest.scores import SCORES, ScoreSet
from memest.tracking import home
from memest.train import EPOCHS

if TYPE_CHECKING:
    from memest.runs.config import TrainConfig

MARGIN = 0.9
"""Share of the budget that is planned for: measured prices are estimates."""
FEWEST = 5
"""Epochs of gradient scores below which probes are given up for epochs."""


@dataclass(frozen=True)
class Plan:
    """When scores are measured: at every k-th epoch and the last; k = 0: never.

    Attributes:
        scores: what to measure, in the grammar.
        score_every: k of the scores from logits.
        gradient_every: k of those from input gradients; those from logits come with them.
    """

    scores: str
    score_every: int
    gradient_every: int

    @classmethod
    def of(cls, config: TrainConfig) -> Plan:
        """What a configuration asks for."""
        return cls(config.scores, config.score_every, config.gradient_every)

    def due(self, epoch: int, epochs: int) -> ScoreSet:
        """The scores of one epoch."""
        scores, logits, near = _kinds(self.scores)
        if len(near) and _is_due(self.gradient_every, epoch, epochs):
            return scores
        return logits if _is_due(self.score_every, epoch, epochs) else ScoreSet("")

    def require_something(self) -> None:
        """Refuse a run that would store nothing.

        Raises:
            SettingError: no score from logits, and gradients at no epoch.
        """
        _, logits, _ = _kinds(self.scores)
        if not len(logits) and not self.gradient_every:
            raise SettingError(
                f"--scores {self.scores} would be measured at no epoch; give a --gradient-every of 1 or "
                "more, or add logits, which come with training"
            )


@dataclass(frozen=True)
class Choice:
    """A plan, and what it was chosen by; `seconds` is how long choosing took, 0 where it was remembered."""

    plan: Plan
    max_overhead: float
    prices: Prices
    seconds: float = 0.0

    def to_json(self) -> bytes:
        """What is kept: the plan, the budget and the prices."""
        record = {"max_overhead": self.max_overhead, "chosen": asdict(self.plan)}
        return json.dumps(record | {"seconds": asdict(self.prices)}, indent=1).encode()

    @classmethod
    def from_json(cls, content: bytes) -> Choice:
        """What was kept."""
        record = json.loads(content)
        return cls(Plan(**record["chosen"]), record["max_overhead"], Prices(**record["seconds"]))


def within_budget(
    config: TrainConfig, fingerprint: str, price: Callable[[ScoreSet], Prices]
) -> tuple[TrainConfig, Choice | None]:
    """The configuration with the scores and epochs that fit its budget; as it is, if it has none.

    Args:
        config: with `max_overhead`, perhaps.
        fingerprint: of the images that are trained on.
        price: measures what things cost; called only where no choice is remembered.

    Raises:
        SettingError: nothing that was asked for fits.
    """
    from filelock import FileLock

    share = config.max_overhead
    if share is None:
        return config, None
    path = home() / "plans" / f"{digest(flatten(config), fingerprint)[:20]}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):  # two that start at once make one choice
        choice = _remembered(path)
        if choice is None:
            began = time.perf_counter()
            prices = price(ScoreSet(config.scores))
            plan = choose(Plan.of(config), prices, config.recipe.epochs, share)
            choice = Choice(plan, share, prices, time.perf_counter() - began)
            path.write_bytes(choice.to_json())
    return replace(config, **asdict(choice.plan)), choice


def _remembered(path: Path) -> Choice | None:
    """What was chosen before; nothing, if that is half written."""
    try:
        return Choice.from_json(path.read_bytes())
    except (OSError, LookupError, TypeError, ValueError):
        return None


def choose(asked: Plan, prices: Prices, epochs: int, share: float) -> Plan:
    """The plan that measures most within `share` of the training time; never more than was asked.

    Gradient scores first get half of the budget. Where fewer than five epochs of them fit, probes are halved
    down to one, since an average over epochs is worth more than one over probes; specs that become equal
    are measured once. Clean passes for logit scores get what is left, and gradients again what these leave.

    Raises:
        SettingError: only gradient scores were asked for, and not two epochs of one probe fit.
    """
    budget = MARGIN * share * prices.training * epochs - prices.idle * epochs
    plan = _fewer_probes(replace(asked, score_every=0), prices, epochs, budget / 2)
    plan = _most(_gradients(plan, asked, epochs), prices, epochs, budget / 2)
    plan = _most(_logits(plan, asked, epochs), prices, epochs, budget)
    plan = _most(_gradients(plan, asked, epochs), prices, epochs, budget)
    if not plan.gradient_every and not ScoreSet(asked.scores).of("logits"):
        least = cost(replace(plan, gradient_every=epochs), prices, epochs)
        needed = (least / epochs + prices.idle) / (MARGIN * prices.training)
        raise SettingError(
            f"--max-overhead {share:g}: no two epochs of {asked.scores} fit, even with one probe; "
            f"{f'{needed:.2f} would do' if needed <= 1 else 'more epochs of training would help'}, or add "
            "logits to --scores, which come with training"
        )
    return plan if plan.gradient_every else replace(plan, scores=asked.scores)


def cost(plan: Plan, prices: Prices, epochs: int) -> float:
    """Seconds of scoring that a plan takes in all."""
    return sum(prices.of(plan.due(epoch, epochs)) for epoch in range(epochs + 1))


def plan_text(content: bytes) -> str:
    """What a run with a budget chose, for a terminal."""
    choice = Choice.from_json(content)
    scores = ScoreSet(choice.plan.scores)
    kinds = {"scores from logits": choice.plan.score_every} if scores.of("logits") else {}
    if gradients := scores.of("input"):
        kinds[", ".join(spec.short() for spec in gradients.specs)] = choice.plan.gradient_every
    lines = [f"{what}: {every(k)}" for what, k in kinds.items()]
    return "\n  ".join([f"to keep scoring within {choice.max_overhead:.0%} of training:", *lines])


def every(k: int) -> str:
    """A setting of k in words."""
    return {0: "never", 1: "every epoch"}.get(k, f"every {k} epochs, and the last")


@cache
def _kinds(scores: str) -> tuple[ScoreSet, ScoreSet, ScoreSet]:
    """All scores, those from logits, those from input gradients."""
    everything = ScoreSet(scores)
    return everything, everything.of("logits"), everything.of("input")


def _is_due(every: int, epoch: int, epochs: int) -> bool:
    return every > 0 and EPOCHS["every"](epoch, epochs, k=every)


def _fewer_probes(plan: Plan, prices: Prices, epochs: int, budget: float) -> Plan:
    """The plan with the most probes at which five epochs fit, or one probe."""
    while (halved := _halved(plan.scores)) != plan.scores:
        seconds = prices.of(ScoreSet(plan.scores))
        if seconds * min(FEWEST, epochs + 1) <= budget:
            break
        plan = replace(plan, scores=halved)
    return plan


def _halved(scores: str) -> str:
    return str(ScoreSet(", ".join(str(_half(spec)) for spec in ScoreSet(scores).specs)))


def _half(spec: Spec) -> Spec:
    if "probes" not in spec.settings:
        return spec
    fewer: Mapping[str, Any] = spec.settings | {"probes": max(1, spec.settings["probes"] // 2)}
    return SCORES.parse(Spec(spec.name, tuple(fewer.items())))


def _most(candidates: Iterator[Plan], prices: Prices, epochs: int, budget: float) -> Plan:
    """The first of the candidates that fits; the last, which measures least, if none does."""
    for candidate in candidates:
        if cost(candidate, prices, epochs) <= budget:
            break
    return candidate


def _gradients(plan: Plan, asked: Plan, epochs: int) -> Iterator[Plan]:
    """The plan with gradient scores ever more rarely, from as often as asked to never."""
    for k in [*range(asked.gradient_every, max(asked.gradient_every, epochs) + 1), 0]:
        yield replace(plan, gradient_every=k)


def _logits(plan: Plan, asked: Plan, epochs: int) -> Iterator[Plan]:
    """The plan with logit scores ever more rarely."""
    for k in [*range(asked.score_every, max(asked.score_every, epochs) + 1), 0]:
        yield replace(plan, score_every=k)
