"""A registry whose entries take every kind of keyword, and what may be written in them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from memest.grammar.registry import Registry
from memest.grammar.values import Share

PROBES: Registry[Callable[..., dict[str, Any]]] = Registry("probe")


@PROBES.register
def shares(*, rate: Share, path: str = "here") -> tuple[float, str]:
    """A keyword that must be given."""
    return rate, path
