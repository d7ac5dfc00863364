"""Ctrl-C ends a wait, whatever other packages have done to its signal."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

from memest.tracking import connect

pytestmark = pytest.mark.mlflow


def test_a_wait_is_interrupted_although_a_package_has_calls_go_on(tmp_path: Path) -> None:
    """As polars does, which MLflow imports: a child is waited for, and Ctrl-C is heard at once."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        signal.siginterrupt(signal.SIGINT, False)
        connect(f"sqlite:///{tmp_path}/new.db")
        child = subprocess.Popen(["sleep", "30"])
        threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
        began = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            child.wait()
        assert time.monotonic() - began < 15
        child.kill()
        child.wait()
    finally:
        signal.signal(signal.SIGINT, before)
