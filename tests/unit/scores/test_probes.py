"""Rademacher probes: keyed by example, epoch and number."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from score_cases import CPU, SEED, Case

from memest.scores import ScoreSet, measure
from memest.scores.probes import rademacher


@pytest.mark.parametrize("dimensions", [1, 31, 32, 33, 75, 3072])
def test_probes_are_signs(dimensions: int) -> None:
    """Every value is exactly +1 or −1, for any number of dimensions."""
    signs = rademacher(torch.arange(10), 2**62 + 1, 0, dimensions)
    assert signs.shape == (10, dimensions)
    assert signs.dtype == torch.float32
    assert torch.equal(signs.abs(), torch.ones(10, dimensions))


def test_a_probe_belongs_to_its_example() -> None:
    """An id's probe is the same whichever ids share its batch, and wherever in it the id stands."""
    ids = torch.tensor([8, 0, 2**40, 77, 3])
    together = rademacher(ids, 11, 2, 75)
    for position, identity in enumerate(ids):
        assert torch.equal(rademacher(identity[None], 11, 2, 75)[0], together[position])
    assert torch.equal(rademacher(ids.flip(0), 11, 2, 75), together.flip(0))


def test_probes_are_the_published_mixer() -> None:
    """SplitMix64 in Python's unbounded integers gives the same signs: they can be had on any machine."""

    def mix(z: int) -> int:
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ z >> 27) * 0x94D049BB133111EB % 2**64
        return z ^ z >> 31

    golden, identity, seed, probe = 0x9E3779B97F4A7C15, 123_456_789, 2**62 + 12_345, 3
    stream = mix((mix((identity * golden + seed) % 2**64) + probe * golden) % 2**64)
    words = [mix((stream + word * golden) % 2**64) for word in range(3)]
    expected = [2 * (words[d // 32] >> d % 32 & 1) - 1 for d in range(75)]
    assert rademacher(torch.tensor([identity]), seed, probe, 75)[0].tolist() == expected


def test_probes_are_unrelated_across_ids_seeds_and_numbers() -> None:
    """Neighbouring ids, seeds and probe numbers give vectors as uncorrelated as coin flips.

    A correlation over D flips has standard deviation 1/√D. Among the 45,000 pairs none is beyond six of
    them, and their mean square is 1/D.
    """
    dimensions = 4096
    rows = torch.cat(
        [rademacher(torch.arange(10), seed, number, dimensions) for seed in range(5) for number in range(6)]
    )
    assert rows.mean(1).abs().max() < 6 / dimensions**0.5
    assert abs(rows.mean().item()) < 4 / rows.numel() ** 0.5
    pairs = (rows @ rows.T / dimensions)[tuple(torch.triu_indices(300, 300, 1))]
    assert pairs.abs().max() < 6 / dimensions**0.5
    assert pairs.square().mean().item() == pytest.approx(1 / dimensions, rel=0.05)


def test_the_coordinates_of_a_probe_are_unrelated() -> None:
    """Over 4,096 examples no two coordinates agree more than chance allows, and each is half +1."""
    signs = rademacher(torch.arange(4096), SEED, 0, 130)
    assert signs.mean(0).abs().max() < 6 / 64
    pairs = (signs.T @ signs / 4096)[tuple(torch.triu_indices(130, 130, 1))]
    assert pairs.abs().max() < 6 / 64
    assert pairs.square().mean().item() == pytest.approx(1 / 4096, rel=0.05)


def test_the_epoch_seed_moves_curvature_but_not_the_gradient(case: Case) -> None:
    """Each epoch has probes of its own; scores without probes do not know the seed."""
    scores, loader = ScoreSet("loss, input_gradient, curvature(probes=1)"), case.loader()
    one, other = (measure(case.network, loader.batches(32), case.images.ids, scores, CPU, s) for s in (1, 2))
    loss, gradient, curvature = scores.keys
    np.testing.assert_array_equal(one[loss], other[loss])
    np.testing.assert_array_equal(one[gradient], other[gradient])
    assert (one[curvature] != other[curvature]).all()
