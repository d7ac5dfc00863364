"""Tests keep their files in memory where there is room: every run waits for the disk some fifty times."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

MEMORY = Path("/dev/shm")
NEEDED = 4 << 30
"""Bytes that must be free."""


def work_in_memory() -> None:
    """Put temporary files into memory, those of child processes too, unless TMPDIR says where they belong."""
    if "TMPDIR" in os.environ or not os.access(MEMORY, os.W_OK):
        return
    found = os.statvfs(MEMORY)
    if found.f_bavail * found.f_frsize >= NEEDED and not found.f_flag & os.ST_NOEXEC:
        os.environ["TMPDIR"] = str(MEMORY)
        tempfile.tempdir = None  # asked again
