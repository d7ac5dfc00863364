"""What computes: the version of memest and of its scores' definitions, and the commit if there is one."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

__version__ = "0.1.0"
SCORES_VERSION = 2
"""Raise it with every change that gives a score, a summary or a detector other values, not for a new one.

Runs of another number are not taken for done, and are not averaged with those of this one.
"""
_ROOT = Path(__file__).parents[1]


def versions() -> dict[str, str]:
    """The versions that belong to every key: runs that differ in them may differ in their numbers."""
    return {"version": __version__, "scores_version": str(SCORES_VERSION)}


@cache
def commit() -> str:
    """The commit that memest runs from, in hex; empty where it does not run from its own repository."""
    if not (_ROOT / ".git").exists():  # installed; perhaps inside somebody else's repository
        return ""
    try:
        command = ["git", "-C", str(_ROOT), "rev-parse", "HEAD"]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""
