"""Run a module in a process that ends when its parent ends, however that ends.

    python -m memest.sweep.parent_watch memest train --seed 1

The parent holds the other end of the standard input. When it closes, also after kill -9, the process gets
a SIGTERM, which lets a run record that it was stopped.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading
import time

_GRACE = 60.0
"""Seconds between SIGTERM and SIGKILL."""


def watch_parent(descriptor: int = 0) -> None:
    """End this process when the other end of `descriptor` is closed."""
    while os.read(descriptor, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_GRACE)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    threading.Thread(target=watch_parent, name="memest parent watch", daemon=True).start()
    module = sys.argv[1]
    del sys.argv[:1]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
