"""Gradients and curvature: one example at a time in float64, and in closed form."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from logit_formulas import softmax
from score_cases import COUNT, CPU, EPSILON, SEED, Case
from torch import Tensor, nn
from torch.nn import functional

from memest.loading import Batch
from memest.scores import ScoreSet, measure
from memest.scores.probes import rademacher


class OneByOne:
    """The same network in float64, differentiated one example at a time, with the same probes."""

    def __init__(self, case: Case) -> None:
        self.network = copy.deepcopy(case.network).double().eval()
        (batch,) = case.loader().batches(COUNT)
        self.examples = [
            (batch.images[i : i + 1].double(), batch.labels[i : i + 1], batch.ids[i : i + 1])
            for i in range(COUNT)
        ]

    def gradient(self, image: Tensor, label: Tensor) -> Tensor:
        """∇ₓ of minus the label's log-softmax, flat."""
        image = image.clone().requires_grad_()
        loss = -functional.log_softmax(self.network(image), 1)[0, label.item()]
        return torch.autograd.grad(loss, image)[0].flatten()

    def input_gradient(self, norm: int) -> Any:
        """‖∇ₓ loss‖ of each example."""
        gradients = [self.gradient(image, label) for image, label, _ in self.examples]
        return np.array([(g.abs() ** norm).sum().item() ** (1 / norm) for g in gradients])

    def curvature(self, step: float, probes: int, power: int) -> Any:
        """The finite difference of the docstring, spelled out."""
        return np.array([self.one_curvature(example, step, probes, power) for example in self.examples])

    def one_curvature(self, example: Any, step: float, probes: int, power: int) -> float:
        """That of one example."""
        image, label, identity = example
        at_image, changes = self.gradient(image, label), []
        for number in range(probes):
            v = rademacher(identity, SEED, number, image.numel()).view_as(image).double()
            change = self.gradient(image + step * v, label) - at_image
            changes.append((change.square().sum().sqrt().item() / step) ** power)
        return float(np.mean(changes))


def noise_floor(case: Case, step: float) -> float:
    """The curvature that rounding alone could make.

    p − onehot is rounded to one part in 2²⁴ of 1; the Jacobian of the logits, of size about
    ‖∇‖ / ‖p − onehot‖, carries that to the gradient, and two such errors are divided by the step.
    """
    jacobian = (case.measure("input_gradient") / case.measure("el2n")).max()
    return float(2 * EPSILON / 2 * jacobian / step)


@pytest.mark.parametrize("norm", [1, 2])
def test_input_gradient_is_that_of_each_example_alone(case: Case, norm: int) -> None:
    """‖∇ₓ loss‖ equals a float64 loop over single examples: no mean or sum over the batch is left in."""
    expected = OneByOne(case).input_gradient(norm)
    error = np.abs(case.measure(f"input_gradient(norm={norm})") - expected) / expected
    assert np.median(error) <= 1e-5
    assert np.quantile(error, 0.95) <= 1e-3


@pytest.mark.parametrize(("probes", "power"), [(10, 1), (3, 2)])
def test_curvature_is_that_of_each_example_alone(case: Case, probes: int, power: int) -> None:
    """Curvature equals a float64 loop over single examples with the same probes, above the noise floor."""
    expected = OneByOne(case).curvature(1e-3, probes, power)
    loud = expected ** (1 / power) > 100 * noise_floor(case, 1e-3)
    assert loud.sum() > 0.9 * COUNT
    came = case.measure(f"curvature(probes={probes}, power={power})")
    assert np.median((np.abs(came - expected) / expected)[loud]) <= 1e-3


def linear_network() -> nn.Sequential:
    """Logits W x of images (3, 5, 5): 75 values, not a multiple of the 32 signs in a word."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(75, 4, bias=False))
    with torch.no_grad():
        network[1].weight.copy_(0.15 * torch.randn(4, 75, generator=torch.Generator().manual_seed(1)))
    return network


def linear_batch() -> Batch:
    """Six images for the linear network, under scattered ids."""
    images = torch.randn(6, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    return Batch(images, torch.tensor([0, 1, 2, 3, 0, 1]), torch.tensor([3, 1_000_003, 0, 8, 2**40, 77]))


def hessians(batch: Batch) -> Any:
    """Wᵀ (diag p − p pᵀ) W of each example, (6, 75, 75), in float64."""
    w = linear_network()[1].weight.detach().double().numpy()
    p = softmax(batch.images.flatten(1).double().numpy() @ w.T)
    return np.stack([w.T @ (np.diag(row) - np.outer(row, row)) @ w for row in p])


def curvature_of(batch: Batch, settings: str, seed: int = SEED) -> Any:
    """The curvature of the linear network at a batch, (6,)."""
    scores = ScoreSet(f"curvature({settings})")
    came = measure(linear_network(), [batch], batch.ids.numpy(), scores, CPU, seed, batch_size=6)
    return came[scores.keys[0]]


def test_the_exact_product_is_the_hessian_times_the_probe() -> None:
    """With method=hvp it is ‖H v‖ to float32 rounding, whatever the step, H in closed form."""
    batch = linear_batch()
    exact = curvature_of(batch, "probes=1, method=hvp")
    v = rademacher(batch.ids, SEED, 0, 75).double().numpy()
    expected = [np.linalg.norm(h @ row) for h, row in zip(hessians(batch), v, strict=True)]
    np.testing.assert_allclose(exact, expected, rtol=1e-5)
    np.testing.assert_array_equal(curvature_of(batch, "probes=1, step=0.5, method=hvp"), exact)


def test_curvature_of_a_linear_model_is_the_hessian_times_the_probe() -> None:
    """With one probe v it is ‖H v‖, H in closed form; the step's own error is about 1e-3."""
    batch = linear_batch()
    for seed in range(5):
        v = rademacher(batch.ids, seed, 0, 75).double().numpy()
        expected = [np.linalg.norm(h @ row) for h, row in zip(hessians(batch), v, strict=True)]
        np.testing.assert_allclose(curvature_of(batch, "probes=1", seed), expected, rtol=1e-2)


def test_squared_curvature_estimates_the_trace_of_the_squared_hessian() -> None:
    """With power 2 the mean over 2,000 probes is Tr(H²), within four standard errors of Hutchinson.

    The variance of vᵀA v over Rademacher v is 2 Σ_{i≠j} A_ij², here with A = H².
    """
    batch = linear_batch()
    squares = np.stack([h @ h for h in hessians(batch)])
    trace = np.array([np.trace(a) for a in squares])
    spread = np.array([np.sqrt(2 * ((a**2).sum() - (np.diag(a) ** 2).sum()) / 2000) for a in squares])
    came = curvature_of(batch, "probes=2000, power=2")
    assert (np.abs(came - trace) < 4 * spread + 0.005 * trace).all()
    assert (spread < 0.05 * trace).all()


def test_curvature_is_divided_by_its_step() -> None:
    """Where the loss is smooth, a step twice as long gives the same curvature to first order."""
    batch = linear_batch()
    np.testing.assert_allclose(
        curvature_of(batch, "step=0.002"), curvature_of(batch, "step=0.001"), rtol=1e-2
    )


@pytest.mark.parametrize("key", ["loss", "input_gradient", "curvature(power=2)"])
def test_the_last_smaller_batch_is_like_any_other(case: Case, key: str) -> None:
    """The three examples left over after 32, filled up with copies, score as they do in the middle of 35."""
    together, apart = case.measure(key, micro=35)[-3:], case.measure(key, micro=32)[-3:]
    np.testing.assert_allclose(apart, together, rtol=1e-3)
