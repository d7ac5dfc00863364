"""TFRecords are read by another Python: what is said where it is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from memest.data import load_images
from memest.errors import DataError


def test_a_python_without_tensorflow_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """The way out, and no traceback."""
    Path("mine.tfrecord").write_bytes(bytes(100))
    monkeypatch.setenv("MEMEST_TENSORFLOW", "/nowhere/python")
    with pytest.raises(DataError, match="MEMEST_TENSORFLOW=/nowhere/python cannot be run"):
        load_images("mine.tfrecord")
