"""Which epoch of a run becomes its last, by a clock that the tests turn."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from memest.errors import SheetError
from memest.runs.in_time import Allowance, InTime


@dataclass
class Clock:
    """Says what it was told to."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def trained(rule: InTime, clock: Clock, seconds: list[float], begin: int = 0) -> int:
    """Epochs that take so many seconds each, until the rule ends the run; the last one."""
    for epoch, took in list(enumerate([0.0, *seconds]))[begin:]:
        clock.now += took
        rule.add(epoch, {})
        if epoch == rule.pacing.last:
            return epoch
    raise AssertionError("the run goes on")


def test_a_machine_as_fast_as_planned_trains_all_epochs(tmp_path: Path) -> None:
    """And no reason is given."""
    clock = Clock()
    rule = InTime(Allowance(100, 10, 1.0), 10, tmp_path / "decided", clock)
    assert trained(rule, clock, [1.0] * 10) == 10 and rule.reason == ""


def test_a_machine_that_slows_down_trains_fewer(tmp_path: Path) -> None:
    """From the fourth epoch on each takes three times as long: twelve seconds are kept, and why is said."""
    clock = Clock()
    rule = InTime(Allowance(100, 12, 1.0), 10, tmp_path / "decided", clock)
    assert trained(rule, clock, [1.0] * 3 + [3.0] * 7) == 6
    assert clock.now == 12 and "6 epochs instead of 10" in rule.reason


def test_one_slow_epoch_is_made_up_for(tmp_path: Path) -> None:
    """The run may have as many epochs as planned again, once the machine is fast again."""
    clock = Clock()
    rule = InTime(Allowance(100, 14, 1.0), 10, tmp_path / "decided", clock)
    assert trained(rule, clock, [1.0, 4.0] + [1.0] * 8) == 10


def test_without_any_time_there_is_one_epoch(tmp_path: Path) -> None:
    """Networks before it took all: the images it leaves out need its probabilities all the same."""
    clock = Clock()
    assert trained(InTime(Allowance(100, -5, 1.0), 10, tmp_path / "d", clock), clock, [9.0] * 10) == 1


def test_what_was_decided_is_repeated_however_fast_the_machine_is(tmp_path: Path) -> None:
    """From the file alone, and from the state of an earlier epoch: the same epochs at the same rates."""
    clock, path, slow = Clock(), tmp_path / "decided", [1.0] * 3 + [3.0] * 7
    states, first = [], InTime(Allowance(100, 12, 1.0), 10, path, clock)
    for epoch, took in enumerate([0.0, *slow[:4]]):
        clock.now += took
        first.add(epoch, {})
        states.append(first.state())
    assert trained(first, clock, slow, begin=5) == 6
    again = InTime(Allowance(100, 12, 1.0), 10, path, clock)
    again.restore(states[3])
    assert trained(again, clock, [0.0] * 10, begin=4) == 6
    assert again.pacing == first.pacing and again.reason == first.reason


def test_what_was_decided_stands_in_the_file_alone(tmp_path: Path) -> None:
    """A point to go on from holds no copy; without the file there is nothing to repeat."""
    clock, path = Clock(), tmp_path / "decided"
    rule = InTime(Allowance(100, 12, 1.0), 10, path, clock)
    for epoch in range(4):
        rule.add(epoch, {})
    assert rule.state() == {"epoch": 3}
    path.unlink()
    with pytest.raises(SheetError, match=f"up to epoch 3 is not in {path}"):
        InTime(Allowance(100, 12, 1.0), 10, path, clock).restore({"epoch": 3})
