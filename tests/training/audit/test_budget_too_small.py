"""A budget that allows no training is answered by what would do, after a short trial training."""

from __future__ import annotations

from pathlib import Path

import pytest

from memest import cli


def test_a_budget_that_allows_nothing_says_what_would_do(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, one line, nothing on standard output and no file."""
    words = ["audit", "digits", "--limit", "40", "--budget", ".001s", "--tracking", "offline"]
    assert cli.main(words) == 2
    out, error = capsys.readouterr()
    assert error.startswith("memest: ")
    assert "would do" in error
    assert (error.count("\n"), out) == (1, "")
    assert list(Path.cwd().rglob("*")) == []
