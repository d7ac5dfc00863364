"""Runs of tests paint where pictures are looked at: painting is most of the time of a short run."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _pictures_where_they_are_looked_at(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other runs, of this process and of those it starts, paint none."""
    if request.node.get_closest_marker("pictures") is None:
        monkeypatch.setenv("MEMEST_PICTURES", "0")
