"""Protocols: every example observed once, by the network it should be observed by."""

from __future__ import annotations

import numpy as np
import pytest

from memest.data import ImageSet, load_images
from memest.data.protocols import PROTOCOLS, deal, plan
from memest.errors import SettingError
from memest.seeding import Streams

SPECS = ["standard", "k_fold", "k_fold(folds=5)", "second_split"]


@pytest.fixture(scope="module")
def digits() -> ImageSet:
    """Real images."""
    return load_images("digits").train


@pytest.mark.parametrize("spec", SPECS)
def test_every_example_is_observed_exactly_once(digits: ImageSet, spec: str) -> None:
    """The parts' observed examples are a partition of the set; the same seed gives the same one."""
    parts = plan(digits, spec, Streams(0))
    together = np.concatenate([part.observed for part in parts])
    np.testing.assert_array_equal(np.sort(together), np.arange(len(digits)))
    again = plan(digits, spec, Streams(0))
    for one, other in zip(parts, again, strict=True):
        np.testing.assert_array_equal(one.observed, other.observed)


def test_a_fold_is_never_trained_on_by_its_network(digits: ImageSet) -> None:
    """Held-out and training examples are disjoint, and together they are everything."""
    for part in plan(digits, "k_fold(folds=4)", Streams(1)):
        (trained,) = part.stages
        assert not set(trained) & set(part.observed)
        assert len(trained) + len(part.observed) == len(digits)


def test_the_second_stage_has_none_of_the_first(digits: ImageSet) -> None:
    """Each direction observes the half of its first stage and goes on with the other."""
    there, back = plan(digits, "second_split", Streams(1))
    for part in (there, back):
        first, second = part.stages
        assert not set(first) & set(second)
        np.testing.assert_array_equal(part.observed, first)
    np.testing.assert_array_equal(there.stages[0], back.stages[1])


@pytest.mark.parametrize("hands", [2, 3, 7])
def test_classes_are_dealt_evenly(digits: ImageSet, hands: int) -> None:
    """No fold has two more of a class, or of everything, than another."""
    dealt = deal(digits.labels, hands, np.random.default_rng(0))
    sizes = [len(hand) for hand in dealt]
    counts = np.stack([np.bincount(digits.labels[hand], minlength=10) for hand in dealt])
    assert max(sizes) - min(sizes) <= 1
    assert (counts.max(0) - counts.min(0) <= 1).all()


def test_folds_have_a_stream_of_their_own(digits: ImageSet) -> None:
    """Another seed deals otherwise; another corruption seed does not."""
    first = plan(digits, "k_fold", Streams(0))[0].observed
    assert not np.array_equal(first, plan(digits, "k_fold", Streams(1))[0].observed)
    np.testing.assert_array_equal(first, plan(digits, "k_fold", Streams(0, corruption=7))[0].observed)


def test_too_few_images_are_refused(digits: ImageSet) -> None:
    """A fold of one image cannot be trained or judged; nor can there be one fold."""
    few = digits.take(np.arange(5))
    with pytest.raises(SettingError, match="two images"):
        plan(few, "k_fold", Streams(0))
    with pytest.raises(SettingError, match="two images"):
        plan(few.take(np.arange(3)), "second_split", Streams(0))
    with pytest.raises(SettingError, match="folds"):
        PROTOCOLS.parse("k_fold(folds=1)")


def test_cross_fitting_observes_what_it_trains_on_and_asks_about_the_rest(digits: ImageSet) -> None:
    """Each example is observed by all networks but the one that leaves it out; folds are as in k_fold."""
    parts = plan(digits, "cross_fit(folds=4)", Streams(1))
    held = np.sort(np.concatenate([part.left_out for part in parts]))
    np.testing.assert_array_equal(held, np.arange(len(digits)))
    for part, fold in zip(parts, plan(digits, "k_fold(folds=4)", Streams(1)), strict=True):
        assert part.plain
        np.testing.assert_array_equal(part.left_out, fold.observed)
        np.testing.assert_array_equal(part.observed, fold.stages[0])
