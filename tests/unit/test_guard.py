"""The guard of this folder works: what its tests must not do fails them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable

import pytest
import torch


def _bind() -> None:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))


@pytest.mark.parametrize(
    ("forbidden", "named"),
    [
        (lambda: subprocess.run([sys.executable, "-c", ""], check=False), "starts a process"),
        (os.fork, "starts a process"),
        (lambda: os.system("true"), "starts a process"),
        (_bind, "opens a port"),
        (lambda: torch.optim.SGD([torch.zeros(1)], lr=0.1), "trains a network"),
    ],
)
def test_what_does_not_belong_here_fails(forbidden: Callable[[], object], named: str) -> None:
    """Processes, ports and trainings are named, with the folders they belong in."""
    with pytest.raises(pytest.fail.Exception, match=f"{named}: it belongs in tests/processes"):
        forbidden()
