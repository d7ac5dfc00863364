"""Pages that benchmarks write: made from the figures that the repository keeps, and from nothing else."""

from __future__ import annotations

import json
from types import ModuleType

import pytest

from benchmarks import stopping
from benchmarks.rows import RESULTS


@pytest.mark.parametrize("benchmark", [stopping], ids=["stopping"])
def test_a_page_is_that_of_the_results(benchmark: ModuleType) -> None:
    """docs/<name>.md is what the benchmark makes of its figures."""
    kept = json.loads((RESULTS / f"{benchmark.PAGE.stem}.json").read_text())
    assert benchmark.PAGE.read_text() == benchmark.page(kept["found"])
