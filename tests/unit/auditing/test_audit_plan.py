"""What an audit trains within a budget, for prices that are made up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

import pytest

from memest.errors import SettingError
from memest.grammar.config import build
from memest.runs.audit_config import AuditConfig
from memest.runs.audit_plan import ENOUGH, MOST, PASSES, Asked, AuditPlan, Price, choose_plan, while_cheap
from memest.runs.audit_time import in_turn
from memest.runs.in_time import Allowance

PRICES = {"tiny": 1.0, "resnet18(width=8)": 4.0, "resnet18(width=16)": 10.0, "resnet18(width=32)": 30.0}


def priced(model: str, most: float, one_pass: float = 0.0) -> Price:
    """That of an epoch; a pass over all images takes nothing unless it says so."""
    return Price(PRICES[model], one_pass)


def plan(budget: float, most_folds: int = 100, **asked: object) -> AuditPlan:
    """For networks whose epoch takes these seconds."""
    return choose_plan(Asked(**asked), most_folds, budget, priced)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("budget", "model", "folds"),
    [
        (4, "tiny", 2),
        (24, "tiny", 2),
        (40, "tiny", 3),
        (110, "resnet18(width=8)", 3),
        (1e6, "resnet18(width=32)", 5),
    ],
)
def test_more_time_buys_a_larger_network_then_epochs_then_folds(
    budget: float, model: str, folds: int
) -> None:
    """The chosen plan keeps within the budget, and its network has enough epochs, or is the cheapest."""
    chosen = plan(budget)
    assert (chosen.model, chosen.folds) == (model, folds)
    assert chosen.seconds == PRICES[model] * chosen.epochs * (folds - 1) <= budget
    assert 1 <= chosen.epochs <= MOST
    assert model == "tiny" or chosen.epochs >= ENOUGH


def test_a_larger_network_is_not_measured_where_a_smaller_one_is_too_dear() -> None:
    """Measuring takes time, too."""
    asked_for = []

    def asking(model: str, most: float) -> Price:
        asked_for.append(model)
        return priced(model, most)

    choose_plan(Asked(), 100, 10.0, asking)
    assert asked_for == ["tiny"]


def test_measuring_takes_a_small_share_of_the_time_that_is_left() -> None:
    """On a machine whose every step of the third network takes two seconds: four of sixty are spent on it."""
    clock, steps = [0.0], {"tiny": 0.01, "resnet18(width=8)": 0.04, "resnet18(width=16)": 2.0}

    def measuring(model: str, most: float) -> Price:
        taken = [*while_cheap(stepping(clock, [steps[model]] * 12), most, lambda: clock[0])]
        return Price(47 * taken[-1])

    chosen = choose_plan(Asked(), 100, 60.0, measuring, lambda: clock[0])
    assert chosen.model == "resnet18(width=8)" and clock[0] < 6


@pytest.mark.parametrize(
    ("steps", "count"),
    [([0.1] * 12, 12), ([0.4] * 12, 4), ([4.0, 0.1, 0.1], 2), ([9.0, 9.0, 9.0], 1)],
)
def test_as_many_steps_are_measured_as_are_cheap(steps: list[float], count: int) -> None:
    """Within 1.5 seconds: a slow first step alone tells little, unless it took five times as long."""
    clock = [0.0]
    assert len([*while_cheap(stepping(clock, steps), 1.5, lambda: clock[0])]) == count


def stepping(clock: list[float], steps: Sequence[float]) -> Iterator[float]:
    """Steps that take these seconds by a clock."""
    for seconds in steps:
        clock[0] += seconds
        yield seconds


def test_what_is_decided_is_kept() -> None:
    """Epochs, folds and network that were asked for are not changed."""
    chosen = plan(1e6, model="tiny", epochs=7, folds=4)
    assert (chosen.model, chosen.epochs, chosen.folds) == ("tiny", 7, 4)
    assert plan(1e6, epochs=7).epochs == 7


def test_small_classes_allow_fewer_folds() -> None:
    """A class of two images allows two."""
    assert plan(1e6, most_folds=2).folds == 2


def test_a_budget_too_short_for_one_epoch_says_what_would_do() -> None:
    """And what it names does."""
    with pytest.raises(SettingError, match="--budget 2s would do"):
        plan(1.0)
    assert plan(2.0).epochs == 1


@pytest.mark.parametrize("budget", [60, "60", "much"])
def test_a_budget_that_is_no_duration_is_refused_by_its_name(budget: object) -> None:
    """Also from Python, where it may be a number."""
    with pytest.raises(SettingError, match=f"^--budget '{budget}' is no duration; expected a number with s"):
        build(AuditConfig, {"data": "digits", "budget": budget})


def test_what_decoding_took_is_no_time_to_train() -> None:
    """The plan fits into what is left; where nothing is, the least that the budget would allow is planned."""
    whole = choose_plan(Asked(), 100, 40.0, priced)
    less = choose_plan(Asked(), 100, 40.0, priced, lambda: 15.0)
    least = choose_plan(Asked(), 100, 40.0, priced, lambda: 39.0)
    assert (less.seconds + 15 <= 0.8 * 40) and less.seconds < whole.seconds
    assert (least.model, least.epochs, least.folds) == ("tiny", 1, 2)


def test_passes_over_all_images_are_no_time_to_train() -> None:
    """Each takes three seconds: the plan and they fit into what is planned, and what would do counts them."""
    chosen = choose_plan(Asked(), 100, 40.0, partial(priced, one_pass=3.0))
    assert chosen.besides == 3.0 * PASSES and chosen.seconds + chosen.besides <= 0.8 * 40
    assert chosen.seconds < plan(40.0).seconds
    with pytest.raises(SettingError, match="--budget 9s would do"):
        choose_plan(Asked(), 100, 5.0, partial(priced, one_pass=3.0))
    assert choose_plan(Asked(), 100, 9.0, partial(priced, one_pass=3.0)).epochs == 1


@dataclass(frozen=True)
class Network:
    """One of those that an audit trains; its epochs and what comes after them take time by a clock."""

    allowance: Allowance
    clock: list[float]
    took: list[float] = field(default_factory=list)

    def in_time(self) -> Network:
        """Where its epochs are looked up."""
        return self

    def train(self, epoch: float, besides: float) -> None:
        """As many epochs as fit into its share, one at least, and the rest of its work."""
        count = min(MOST, max(1, int(self.allowance.seconds / epoch)))
        self.took.extend([epoch] * count)
        self.clock[0] += count * epoch + besides


def turns(
    budget: float, besides: float, planned: float, once: float = 0.0, networks: int = 4, epoch: float = 1.0
) -> tuple[list[int], float]:
    """Epochs of networks, each of which takes a second, and when the last one is done.

    Args:
        budget: seconds.
        besides: that each network takes besides its epochs.
        planned: the same, as measured beforehand.
        once: that the first takes beyond that.
        networks: how many.
        epoch: seconds of one.
    """
    clock = [0.0]
    parts = [Network(Allowance(budget), clock) for _ in range(networks)]
    made = AuditPlan("tiny", 20, networks, 20 * networks * epoch, planned * networks * PASSES)
    done = []
    for part in in_turn(parts, made, 0.0, lambda: clock[0]):  # type: ignore[type-var]
        part.train(epoch, besides + (0.0 if done else once))
        done.append(len(part.took))
    return done, clock[0]


def test_what_a_network_takes_besides_its_epochs_is_set_aside_for_those_to_come() -> None:
    """Five seconds each, as measured beforehand: they have as many epochs, and leave time for features."""
    epochs, ended = turns(100.0, 5.0, 5.0)
    assert epochs == [12, 12, 13, 13]  # (90 − 20 for features) / 4 − 5 is 12.5
    assert ended <= 0.9 * 100 - 20


def test_a_slow_part_that_nobody_measured_is_known_from_the_first_network_on() -> None:
    """Nothing was set aside for ten seconds each: the first has more epochs, and the budget holds."""
    epochs, ended = turns(100.0, 10.0, 0.0)
    assert epochs == [20, 15, 7, 8]
    assert ended <= 0.9 * 100


def test_what_the_first_network_takes_once_is_not_set_aside_for_all() -> None:
    """Five seconds of twenty-five, such as imports: the others are trained on, too, and the budget holds."""
    epochs, ended = turns(25.0, 0.5, 0.1, once=5.0, networks=3, epoch=0.2)
    assert min(epochs) >= 0.75 * max(epochs) and epochs[0] == MOST
    assert ended <= 0.9 * 25


def test_a_plan_is_read_back() -> None:
    """From the file in which it is remembered."""
    chosen = plan(100)
    assert AuditPlan.from_json(chosen.to_json()) == chosen
