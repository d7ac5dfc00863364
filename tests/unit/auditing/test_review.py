"""What a review says of labels that nobody looked at holds whatever the list is worth: by simulation."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest

from memest.auditing.error_rate import least_wrong, most_wrong
from memest.auditing.review import LOOK, STEP, Order, random_order, standing, to_look_at

SEEDS = 500
TWO_ERRORS = 2 * np.sqrt(0.95 * 0.05 / SEEDS)
"""Two standard errors of a coverage of .95."""
RANKERS = ("good", "random", "inverted")


def review_of(seed: int, ranker: str, count: int = 800, share: float = 0.05) -> tuple[Order, np.ndarray]:
    """A data set with wrong labels and a list that finds them, does not, or has them last."""
    rng = np.random.default_rng(seed)
    wrong = rng.random(count) < share
    score = {"good": 2.0, "random": 0.0, "inverted": -2.0}[ranker] * wrong + rng.standard_normal(count)
    ids = np.arange(count) * 3 + 1
    rank = np.empty(count, np.int64)
    rank[np.argsort(-score)] = np.arange(1, count + 1)
    return Order(ids, rank, random_order(ids, "f", seed)), wrong


def decided(order: Order, wrong: np.ndarray, top: int, drawn: int) -> dict[int, str]:
    """Right decisions on the first of the list and of the random part."""
    truth = dict(zip(order.ids.tolist(), wrong.tolist(), strict=True))
    looked = order.listed[:top] + order.drawn[:drawn]
    return {number: "wrong" if truth[number] else "right" for number in looked}


@pytest.mark.parametrize("ranker", RANKERS)
@pytest.mark.parametrize("top", [0, 200])
def test_the_share_of_wrong_labels_lies_in_its_interval(ranker: str, top: int) -> None:
    """In 95 % of 500 reviews at least, within two standard errors; with a list that is no good as well."""
    held = 0
    for seed in range(SEEDS):
        order, wrong = review_of(seed, ranker)
        estimate = standing(order, decided(order, wrong, top, 100)).estimate
        assert estimate is not None and estimate.low <= estimate.share <= estimate.high
        held += estimate.low <= wrong.mean() <= estimate.high
    assert held / SEEDS >= 0.95 - TWO_ERRORS


@pytest.mark.parametrize("ranker", RANKERS)
def test_who_stops_when_told_has_the_recall_that_was_asked_for(ranker: str) -> None:
    """Looking again and again, step by step: in 95 % of 500 reviews the target holds where they stop."""
    held = stopped_early = 0
    for seed in range(SEEDS):
        order, wrong = review_of(seed, ranker, 600, 0.1)
        decisions: dict[int, str] = {}
        while not standing(order, decisions, 0.7).stop:
            ids = to_look_at(order, decisions)
            decisions |= {number: "wrong" if wrong[(number - 1) // 3] else "right" for number in ids}
        stopped_early += len(decisions) < len(order.ids)
        held += sum(kind == "wrong" for kind in decisions.values()) >= 0.7 * wrong.sum()
    assert held / SEEDS >= 0.95 - TWO_ERRORS
    assert ranker != "good" or stopped_early > SEEDS / 4


def test_bounds_are_those_of_the_hypergeometric_distribution() -> None:
    """Against sums of whole numbers: K is inside exactly while no tail is as rare as alpha."""
    of, drawn = 40, 12
    for wrong in range(drawn + 1):
        below = {
            k: sum(comb(k, x) * comb(of - k, drawn - x) for x in range(wrong + 1)) / comb(of, drawn)
            for k in range(wrong, of - drawn + wrong + 1)
        }
        assert most_wrong(wrong, drawn, of, 0.025) == max(k for k, tail in below.items() if tail > 0.025)
        above = {
            k: sum(comb(k, x) * comb(of - k, drawn - x) for x in range(wrong, drawn + 1)) / comb(of, drawn)
            for k in range(wrong, of - drawn + wrong + 1)
        }
        assert least_wrong(wrong, drawn, of, 0.025) == min(k for k, tail in above.items() if tail > 0.025)


def test_all_looked_at_is_known_exactly() -> None:
    order, wrong = review_of(0, "good", 130)
    came = standing(order, decided(order, wrong, 130, 0))
    assert came.estimate is not None and came.stop and came.recall == 1
    assert came.estimate.low == came.estimate.share == came.estimate.high == wrong.mean()


def test_without_the_random_part_nothing_is_claimed() -> None:
    """The list alone says how many errors were found, and nothing of how many are left."""
    order, wrong = review_of(1, "good")
    came = standing(order, decided(order, wrong, 300, 0))
    assert came.found == wrong[np.argsort(order.place)][:300].sum()
    assert came.recall == 0 and not came.stop
    assert came.drawn <= 3 and (came.estimate is None or came.estimate.high > 0.5)


def test_an_unsure_decision_widens_the_interval_on_the_side_of_wrong() -> None:
    order, wrong = review_of(2, "random")
    decisions = decided(order, wrong, 100, 100)
    sure = standing(order, decisions).estimate
    right = next(one for one in order.drawn[:100] if decisions[one] == "right")
    unsure = standing(order, decisions | {right: "unsure"}).estimate
    assert sure is not None and unsure is not None
    assert unsure.high > sure.high and unsure.low == sure.low


def test_the_next_list_is_a_step_of_the_list_and_the_random_part_to_the_next_look() -> None:
    """Marked as such, the same whenever it is asked for, without what is decided."""
    order, _ = review_of(3, "good")
    first = to_look_at(order, {})
    assert first == to_look_at(order, {})
    assert {number for number, part in first.items() if part == "random"} == set(order.drawn[:LOOK])
    assert set(first) == set(order.listed[:STEP]) | set(order.drawn[:LOOK])
    second = to_look_at(order, dict.fromkeys(first, "right"))
    assert not set(first) & set(second)
    assert set(order.listed[STEP : 2 * STEP]) <= {*first, *second} and set(order.drawn[:100]) <= {
        *first,
        *second,
    }


def test_the_random_order_follows_ids_fingerprint_and_seed() -> None:
    ids = np.array([9, 2, 5, 7])
    draw = random_order(ids, "a")
    turned = random_order(ids[::-1], "a")
    assert sorted(draw.tolist()) == [1, 2, 3, 4] and np.array_equal(draw, turned[::-1])
    many = np.arange(100)
    assert not np.array_equal(random_order(many, "a"), random_order(many, "b"))
    assert not np.array_equal(random_order(many, "a"), random_order(many, "a", 1))
