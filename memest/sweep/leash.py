"""Run a module that ends when whoever started it ends, however that is.

    python -m memest.sweep.leash memest train --seed 1

The starter holds the other end of the standard input. When it closes, by kill -9 or with the machine's
last process of that sweep, the module gets a SIGTERM: a run that stops then says so and can go on later.
Depends on nothing.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading
import time

_GRACE = 60.0
"""Seconds from the request to end to the end."""


def watch(descriptor: int = 0) -> None:
    """End this process when nobody holds the other end of `descriptor`."""
    while os.read(descriptor, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_GRACE)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    threading.Thread(target=watch, name="memest leash", daemon=True).start()
    module = sys.argv[1]
    del sys.argv[:1]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
