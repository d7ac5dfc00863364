"""Tests of other frameworks: their processes do not import what memest itself trains with."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _pictures_where_they_are_looked_at() -> None:
    """Nothing of memest's own training is touched here, nor imported."""
