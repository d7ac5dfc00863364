"""memest: which training examples has the model memorized, and which labels are wrong?"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from memest.version import __version__

if TYPE_CHECKING:
    from memest.analysis.queries import find_runs
    from memest.api import audit, score, train
    from memest.recorder import Indexed, Recorder

__all__ = ["Indexed", "Recorder", "__version__", "audit", "find_runs", "score", "train"]

_HOMES = {
    "Indexed": "memest.recorder",
    "Recorder": "memest.recorder",
    "audit": "memest.api",
    "find_runs": "memest.analysis.queries",
    "score": "memest.api",
    "train": "memest.api",
}
"""Where public names live: imported when they are asked for, so that `import memest` costs nothing."""


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'memest' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
