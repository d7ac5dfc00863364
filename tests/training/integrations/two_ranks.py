"""Two processes that train together, as torchrun starts them."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

from torch import multiprocessing


def in_two_processes(work: Callable[[int, Path], None], folder: Path) -> None:
    """Call `work(rank, folder)` in each; they are forked, so that a framework is imported once."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    multiprocessing.start_processes(_begin, (work, folder, port), nprocs=2, start_method="fork")


def _begin(rank: int, work: Callable[[int, Path], None], folder: Path, port: int) -> None:
    os.environ |= {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "GROUP_RANK": "0",
        "WORLD_SIZE": "2",
        "LOCAL_WORLD_SIZE": "2",
        "TORCHELASTIC_RUN_ID": "test",
    }
    work(rank, folder)
