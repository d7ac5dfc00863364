"""memest: which training examples has the model memorized, and which labels are wrong?"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from memest.version import __version__

if TYPE_CHECKING:
    from memest import audit
    from memest.analysis.queries import find_runs
    from memest.recorder import Indexed, Recorder

__all__ = ["Indexed", "Recorder", "__version__", "audit", "find_runs"]

_HOMES = {"Indexed": "memest.recorder", "Recorder": "memest.recorder", "find_runs": "memest.analysis.queries"}
"""Where public names live: imported when they are asked for, so that `import memest` costs nothing."""


def __getattr__(name: str) -> Any:
    if name == "audit":
        return import_module("memest.audit")
    if name not in _HOMES:
        raise AttributeError(f"module 'memest' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
