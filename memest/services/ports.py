"""Free ports, below those the system hands out by itself, so that they are still free after a restart."""

from __future__ import annotations

import random
import socket
import time

from memest.errors import SettingError

_RANGE = range(20_000, 32_000)


def free_ports(count: int, host: str = "127.0.0.1") -> list[int]:
    """Different ports that nothing listens on.

    Raises:
        SettingError: `host` is no address of this machine.
    """
    require_address(host)
    found = [port for port in random.SystemRandom().sample(_RANGE, 50 + count) if not _taken(host, port)]
    if len(found) < count:
        raise SettingError(
            f"--host {host}: too few ports from {_RANGE.start} on are free; give them yourself"
        )
    return found[:count]


def require_address(host: str) -> None:
    """Refuse a host that no server can listen on here.

    Raises:
        SettingError: `host` is no address of this machine.
    """
    if _taken(host, 0):
        raise SettingError(f"--host {host}: no address of this machine; 127.0.0.1 keeps others out")


def require_free(port: int, host: str, flag: str) -> None:
    """Refuse a port that something else listens on; one that was just let go may take a moment.

    Raises:
        SettingError: the port is taken, or `host` is no address of this machine.
    """
    deadline = time.monotonic() + 1
    while _taken(host, port) and time.monotonic() < deadline:
        time.sleep(0.05)
    if _taken(host, port):
        raise SettingError(
            f"{flag} {port}: something else listens there, or {host} is no address of this machine; "
            f"stop it, or let a free port be chosen with {flag} 0"
        )


def _taken(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port at rest is not taken
        try:
            probe.bind((host, port))
        except OSError:
            return True
    return False
