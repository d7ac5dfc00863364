"""Scores from logits, against their formulas in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from logit_formulas import WITNESS

from memest.scores import ScoreSet


@pytest.mark.parametrize("key", WITNESS)
def test_logit_score_is_its_formula(key: str) -> None:
    """Each logit score equals its textbook formula in float64, ties and saturated logits included."""
    rng = np.random.default_rng(0)
    z = rng.normal(0, 4, (200, 7)).astype(np.float32)
    z[0], z[1] = 0, 80 * np.eye(7)[3]  # all equal; p = 1 to the last bit
    z[2] = -80 * np.eye(7)[3]
    y = rng.integers(0, 7, 200)
    y[:3] = 0, 3, 3
    values = ScoreSet(key).from_logits(torch.from_numpy(z), torch.from_numpy(y))[key]
    np.testing.assert_allclose(values.numpy(), WITNESS[key](z.astype(float), y), rtol=1e-5, atol=2e-6)


def test_logit_scores_of_half_precision_are_computed_in_float32() -> None:
    """Logits in bfloat16 are widened first: the score is that of the very numbers that came."""
    z = torch.randn(50, 9, generator=torch.Generator().manual_seed(0)).bfloat16()
    y = torch.arange(50) % 9
    values = ScoreSet("loss").from_logits(z, y)["loss"]
    assert values.dtype == torch.float32
    np.testing.assert_allclose(values, WITNESS["loss"](z.double().numpy(), y.numpy()), rtol=1e-5, atol=1e-6)
