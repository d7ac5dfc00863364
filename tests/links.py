"""A TCP forwarder in front of a server: it can be cut, fall silent, be slow, or speak TLS."""

from __future__ import annotations

import selectors
import socket
import ssl
import threading
import time
from contextlib import suppress

from memest.services.ports import free_ports


class Link:
    """A TCP forwarder to `port` whose own port stays the same: `up`, `down` (refused) or `silent`.

    Args:
        port: of the server behind it, on this machine.
        tls: the certificate that this end shows; None: what comes in is forwarded as it is.
        slow: bytes a second that it lets through to the server; 0: all.
    """

    def __init__(self, port: int, tls: ssl.SSLContext | None = None, slow: int = 0) -> None:
        (self.port,) = free_ports(1)
        self._target, self._state = port, "down"
        self._tls, self._slow = tls, slow
        self._listener: socket.socket | None = None
        self._open: list[socket.socket] = []
        self.up()

    @property
    def url(self) -> str:
        """Of this end."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def up(self) -> None:
        """Forward everything."""
        self._switch("up")

    def silent(self) -> None:
        """Accept and never answer; what is open already falls silent too."""
        self._switch("silent")

    def down(self) -> None:
        """Refuse; what is open is cut."""
        self._switch("down")

    def _switch(self, state: str) -> None:
        self._state = state
        for end in self._open if state != "silent" else ():
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._open.clear()
        if state == "down" and self._listener:
            with suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        elif state != "down" and self._listener is None:
            self._listener = socket.create_server(("127.0.0.1", self.port), backlog=64)
            threading.Thread(target=self._accept, args=[self._listener], daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            self._open.append(near)
            if self._state == "up":
                threading.Thread(target=self._join, args=[near], daemon=True).start()

    def _join(self, near: socket.socket) -> None:
        with near, suppress(OSError):
            if self._tls:
                near = self._tls.wrap_socket(near, server_side=True)
            far = socket.create_connection(("127.0.0.1", self._target))
            self._open += [near, far]
            self._pump(near, far)

    def _pump(self, near: socket.socket, far: socket.socket) -> None:
        with near, far, selectors.DefaultSelector() as ready:
            ready.register(near, selectors.EVENT_READ, far)
            ready.register(far, selectors.EVENT_READ, near)
            while True:
                for key, _ in ready.select():
                    content = key.fileobj.recv(1 << 16)  # type: ignore[union-attr]
                    while isinstance(key.fileobj, ssl.SSLSocket) and key.fileobj.pending():
                        content += key.fileobj.recv(1 << 16)
                    if not content:
                        return
                    while self._state == "silent":
                        time.sleep(0.05)
                    if self._state == "down":
                        return
                    if self._slow and key.data is far:
                        time.sleep(len(content) / self._slow)
                    key.data.sendall(content)
