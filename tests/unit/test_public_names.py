"""The names that people import from memest itself."""

from __future__ import annotations

import pytest

import memest


def test_every_public_name_is_there() -> None:
    """Each of `__all__` can be had, and shows in `dir`."""
    assert set(memest.__all__) <= set(dir(memest))
    assert all(getattr(memest, name) is not None for name in memest.__all__)


def test_another_name_is_an_attribute_error() -> None:
    """As of any module."""
    with pytest.raises(AttributeError, match="Recordr"):
        _ = memest.Recordr
