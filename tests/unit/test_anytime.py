"""The page on how early a score ranks as it will: made from what the repository keeps."""

from __future__ import annotations

import numpy as np

from analysis.anytime import PAGE, RESULTS, page_text, read_kept
from memest.runs.stopping import stable_after


def test_the_page_is_that_of_the_results() -> None:
    """docs/anytime.md is what the script makes of analysis/results/anytime."""
    assert PAGE.read_text() == page_text(read_kept(RESULTS))


def test_the_rule_ends_at_the_second_epoch_that_agrees() -> None:
    """Epochs t whose sums up to t and up to t // 2 correlate well enough, two in a row: told by numpy."""
    losses = np.random.default_rng(0).exponential(1 + np.arange(200) / 40, (12, 200)).astype(np.float32)
    losses *= 0.8 ** np.arange(12, dtype=np.float32)[:, None]
    sums = np.cumsum(losses, axis=0, dtype=np.float64)
    agrees = [np.corrcoef(sums[t - 1], sums[t // 2 - 1])[0, 1] >= 0.9 for t in range(2, 13)]
    second = next(t for t in range(3, 13) if agrees[t - 2] and agrees[t - 3])
    assert stable_after(losses, 0.9) == second
    assert stable_after(losses, 0.9999) == 12, "it does not end before the last"
