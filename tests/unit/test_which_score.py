"""The page on which score to use: made from what the repository keeps, and from nothing else."""

from __future__ import annotations

import json

from benchmarks.rows import RESULTS
from benchmarks.which_score import LEDGER, PAGE, page
from memest.paper.ledger import read_entries


def test_the_page_is_that_of_the_results() -> None:
    """docs/which_score.md is what the benchmark makes of its figures and of the ledger."""
    kept = json.loads((RESULTS / "which_score.json").read_text())
    assert PAGE.read_text() == page(kept["found"], read_entries(LEDGER))
