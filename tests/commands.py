"""What tests of the services share: commands run in this process, a folder and what lies in its bucket."""

from __future__ import annotations

import contextlib
import io
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from memest import cli, services
from memest.services import Folder, Secrets, Settings
from memest.services.patience import patient
from memest.services.probes import bucket_client

SAID: list[str] = []
"""All that the commands of this process have printed, to be searched for secrets."""
ENDPOINT, TRACKING = "MLFLOW_S3_ENDPOINT_URL", "MLFLOW_TRACKING_URI"


def memest(*arguments: str) -> tuple[int, str]:
    """Exit code and all that a command prints."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = cli.main(list(arguments))
    SAID.append(said.getvalue())
    return code, said.getvalue()


def use(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Set an environment for one test."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return environment


def known(folder: Folder) -> tuple[Settings, Secrets]:
    """What was set up in a folder."""
    settings, secret = folder.settings(), folder.secrets()
    assert settings and secret
    return settings, secret


def states(folder: Folder) -> dict[str, str]:
    """The state of each server."""
    return {one.name: one.state for one in services.status(folder)}


def objects(folder: Folder, prefix: str = "") -> dict[str, int]:
    """Name and size of what lies in the bucket, as the `minio` client sees it."""
    settings, secret = known(folder)
    found = bucket_client(settings, secret).list_objects(settings.bucket, prefix, recursive=True)
    return {one.object_name: one.size for one in found}


def listens(url: str) -> bool:
    """Whether anything accepts at the port of a URL."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", int(url.rpartition(":")[2]))) == 0


def wait_until(holds: Callable[[], bool], seconds: float = 10) -> None:
    """Wait for a fact, or fail."""
    deadline = time.monotonic() + patient(seconds)
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def assert_kept_to_itself(folder: Folder) -> None:
    """What a folder's services have written, run and opened: private files, no secret, loopback only."""
    root, (_, secret) = folder.root, known(folder)
    assert root.stat().st_mode & 0o777 == 0o700
    names = {path.name for path in root.iterdir()}
    assert {"credentials.json", "settings.json"} <= names
    for path in root.iterdir():
        if path.suffix in (".json", ".ini", ".log"):
            assert path.stat().st_mode & 0o777 == 0o600, path
    hidden = [value for value in vars(secret).values() if value]
    pids = [pid for one in folder.processes().values() for pid in one.members()]
    commands = "".join(Path(f"/proc/{pid}/cmdline").read_text() for pid in pids)
    assert "server" in commands
    written = "".join(path.read_text() for path in root.glob("*.log"))
    written += "".join((root / name).read_text() for name in ("processes.json", "settings.json"))
    everything = commands + written + "".join(SAID)
    assert not [value for value in hidden if value in everything]
    addresses = _listened_on(pids)
    assert len(addresses) >= len(folder.processes())
    assert set(addresses) <= {"0100007F", "00000000000000000000000001000000"}, "not loopback alone"


def _listened_on(pids: list[int]) -> list[str]:
    """The addresses on which processes listen, as the kernel writes them."""
    entries = [entry for pid in pids for entry in Path(f"/proc/{pid}/fd").iterdir()]
    sockets = {entry.readlink().name for entry in entries if entry.is_symlink()}
    rows = []
    for table in ("tcp", "tcp6"):
        rows += [line.split() for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]]
    ours = [row[1] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in sockets]
    return [address.partition(":")[0] for address in ours]
