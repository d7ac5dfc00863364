"""What an audit trains within a budget, for prices that are made up."""

from __future__ import annotations

import pytest

from memest.errors import SettingError
from memest.runs.audit_plan import ENOUGH, MOST, Asked, AuditPlan, choose_plan

PRICES = {"tiny": 1.0, "resnet18(width=8)": 4.0, "resnet18(width=16)": 10.0, "resnet18(width=32)": 30.0}


def plan(budget: float, most_folds: int = 100, **asked: object) -> AuditPlan:
    """For networks whose epoch takes these seconds."""
    return choose_plan(Asked(**asked), most_folds, budget, PRICES.__getitem__)  # type: ignore[arg-type]


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

    def seconds(model: str) -> float:
        asked_for.append(model)
        return PRICES[model]

    choose_plan(Asked(), 100, 10.0, seconds)
    assert asked_for == ["tiny"]


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


def test_what_decoding_took_is_no_time_to_train() -> None:
    """The plan fits into what is left; where nothing is, the least that the budget would allow is planned."""
    whole = choose_plan(Asked(), 100, 40.0, PRICES.__getitem__)
    less = choose_plan(Asked(), 100, 40.0, PRICES.__getitem__, lambda: 15.0)
    least = choose_plan(Asked(), 100, 40.0, PRICES.__getitem__, lambda: 39.0)
    assert (less.seconds + 15 <= 0.8 * 40) and less.seconds < whole.seconds
    assert (least.model, least.epochs, least.folds) == ("tiny", 1, 2)


def test_a_plan_is_read_back() -> None:
    """From the file in which it is remembered."""
    chosen = plan(100)
    assert AuditPlan.from_json(chosen.to_json()) == chosen
