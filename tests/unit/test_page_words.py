"""Pages that benchmarks write: made from the figures that the repository keeps, and from nothing else."""

from __future__ import annotations

import json
from types import ModuleType

import pytest

from benchmarks import audit_verify, robust_sums, stopping
from benchmarks.rows import RESULTS


@pytest.mark.parametrize("benchmark", [robust_sums, stopping], ids=["robust_sums", "stopping"])
def test_a_page_is_that_of_the_results(benchmark: ModuleType) -> None:
    """docs/<name>.md is what the benchmark makes of its figures."""
    kept = json.loads((RESULTS / f"{benchmark.PAGE.stem}.json").read_text())
    parts = [kept[name] for name in ("found", "cifar") if name in kept]
    assert benchmark.PAGE.read_text() == benchmark.page(*parts)


def test_the_figures_of_a_check_are_those_of_the_results() -> None:
    """In docs/review.md, between their marks."""
    kept = json.loads(audit_verify.KEPT.read_text())
    assert audit_verify.page(kept) in audit_verify.PAGE.read_text()
