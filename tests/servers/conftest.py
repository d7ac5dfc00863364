"""What tests of servers share."""

from __future__ import annotations

from pathlib import Path

import pytest
from painting import _pictures_where_they_are_looked_at  # noqa: F401
from taken_up import Site


@pytest.fixture
def site(store_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Two machines that wait for little."""
    monkeypatch.setenv("MEMEST_GATHER", "0")
    made = Site(store_uri, tmp_path, monkeypatch)
    made.on("one")
    return made
