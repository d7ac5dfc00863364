"""A command that cannot be done, and what it says."""

from __future__ import annotations

import io
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Bad:
    """One command that cannot be done.

    Attributes:
        typed: the command line, as in a shell, without `memest`.
        says: part of what it says.
        files: content by path, there before.
        variables: of the environment.
        code: the exit code; 2: nothing was done.
    """

    typed: str
    says: str
    files: dict[str, bytes] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    code: int = 2


def npz(**arrays: object) -> bytes:
    """The bytes of an npz file."""
    buffer = io.BytesIO()
    np.savez(buffer, **{name: np.asarray(array) for name, array in arrays.items()})
    return buffer.getvalue()
