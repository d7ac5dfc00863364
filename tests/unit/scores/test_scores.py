"""The contract that every registered score keeps."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from score_cases import COUNT, CPU, EPSILON, Case
from torch import nn

from memest.grammar.spec import Spec
from memest.loading import Batch
from memest.scores import KINDS, SCORES, ScoreSet, describe, measure

ROUNDING = 16 * EPSILON
"""What float32 sums in another order may differ by, as a share of the largest value: a few last places."""
VARIANTS = [
    "input_gradient(norm=1)",
    "curvature(probes=3, method=hvp)",
    "curvature(probes=3, power=2)",
    "curvature(step=0.01, probes=2)",
]
every_score = pytest.mark.parametrize("key", [*SCORES, *VARIANTS])


def assert_same(key: str, came: Any, expected: Any) -> None:
    """Two ways of putting examples into batches give the same bits; of an attack, values alike.

    An attack makes batches of its own, of the examples that it has not yet moved across.
    """
    if KINDS[Spec.parse(key).name].package is None:
        np.testing.assert_array_equal(came, expected)
    else:
        np.testing.assert_allclose(came, expected, rtol=0, atol=ROUNDING * np.abs(expected).max())


@every_score
def test_is_one_finite_float32_per_example(case: Case, key: str) -> None:
    """A score is (N,) float32, finite, and not the same for everyone."""
    values = case.expected(key)
    assert values.shape == (COUNT,)
    assert values.dtype == np.float32
    assert np.isfinite(values).all()
    assert len(np.unique(values)) > 1


@every_score
@pytest.mark.parametrize("size", [1, 7])
def test_does_not_depend_on_the_batch_size(case: Case, key: str, size: int) -> None:
    """Batches of 1, 7 and 32 give the same values: no batch mean, no scaling of the last batch."""
    assert_same(key, case.measure(key, size), case.expected(key))


@every_score
def test_does_not_depend_on_the_order_of_examples(case: Case, key: str) -> None:
    """Shuffled examples, so other batches, give each id the value it had."""
    order = np.random.default_rng(0).permutation(COUNT)
    assert_same(key, case.measure(key, 7, order), case.expected(key))


@every_score
def test_comes_in_the_order_of_the_ids_asked_for(case: Case, key: str) -> None:
    """Values follow `ids`, bit for bit, whatever the order of the batches."""
    order = np.random.default_rng(1).permutation(COUNT)
    np.testing.assert_array_equal(case.measure(key, ids=case.images.ids[order]), case.expected(key)[order])


@every_score
def test_is_the_same_every_time(case: Case, key: str) -> None:
    """Measuring twice gives identical bits: what is random is keyed, not drawn."""
    np.testing.assert_array_equal(case.measure(key), case.expected(key))


@every_score
def test_leaves_the_global_generators_alone(case: Case, key: str) -> None:
    """Whoever draws from torch's or numpy's global generator gets the same with or without measuring."""
    before = global_generators()
    case.measure(key)
    assert global_generators() == before


@every_score
def test_leaves_the_network_as_it_was(case: Case, key: str) -> None:
    """Weights, batch-norm statistics, each module's mode, requires_grad and .grad survive a measurement."""
    network = odd_network(case)
    before, facts = copy.deepcopy(network.state_dict()), state_of(network)
    measure(network, case.loader().batches(32), case.images.ids, ScoreSet(key), CPU)
    assert state_of(network) == facts
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name]), name


@every_score
def test_leaves_the_network_as_it_was_after_an_exception(case: Case, key: str) -> None:
    """Mode, requires_grad and .grad are put back when a batch cannot be had."""
    network = odd_network(case)
    facts = state_of(network)
    with pytest.raises(OSError, match="disk"):
        measure(network, broken(case.loader().batches(7)), case.images.ids, ScoreSet(key), CPU)
    assert state_of(network) == facts


@every_score
def test_declares_its_unit_and_direction(key: str) -> None:
    """The manifest can say of each score what it is measured in and which way is harder, `seen/` or not."""
    assert describe(key) == describe(f"seen/{key}")
    assert describe(key)["unit"]
    assert describe(key)["harder"] in ("higher", "lower")


@every_score
def test_direction_is_the_declared_one(case: Case, key: str) -> None:
    """Examples that the network gets wrong are harder than those it gets right, as declared."""
    values, correct = case.expected(key), case.expected("correct").astype(bool)
    harder = values[~correct].mean() - values[correct].mean()
    assert harder * KINDS[Spec.parse(key).name].harder > 0


def global_generators() -> Any:
    """The states of torch's and numpy's global generators, comparable."""
    _, words, position, *_ = np.random.get_state()
    return torch.get_rng_state().tolist(), list(words), position


def odd_network(case: Case) -> nn.Module:
    """A copy in train mode but for one module, with one frozen weight and a gradient on half of them."""
    network = copy.deepcopy(case.network).train()
    next(module for module in network.modules() if isinstance(module, nn.BatchNorm2d)).eval()
    for number, weight in enumerate(network.parameters()):
        weight.requires_grad_(number != 2)
        weight.grad = torch.full_like(weight, number) if number % 2 else None
    return network


def state_of(network: nn.Module) -> Any:
    """Everything but the weights that a measurement could change."""
    weights = list(network.parameters())
    grads = [None if weight.grad is None else weight.grad.flatten().tolist() for weight in weights]
    return [m.training for m in network.modules()], [weight.requires_grad for weight in weights], grads


def broken(batches: Iterable[Batch]) -> Iterator[Batch]:
    """The first batch, then an error."""
    yield next(iter(batches))
    raise OSError("disk")
