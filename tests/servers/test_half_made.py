"""`services up` killed at every moment: the next one comes up, with the credentials that servers remember."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from forked import Forked

from memest import services
from memest.errors import ServiceError, SettingError
from memest.services import Folder, Secrets, Settings, Wanted, stack
from memest.services.databases import RUNS, USERS
from memest.services.process import Launch
from memest.services.settings import passwords

SERVER = """
import base64, os, socket, sys, time
memory, password, port, pause = sys.argv[1:]
time.sleep(float(pause))
if password and not os.path.exists(memory):
    open(memory, "w").write(password)
wanted = open(memory).read() if password else ""
right = "Basic " + base64.b64encode(("admin:" + wanted).encode()).decode()
server = socket.create_server(("127.0.0.1", int(port)))
while True:
    client, _ = server.accept()
    said = client.recv(65536).decode()
    code = b"200 OK" if not wanted or right in said else b"401 NO"
    client.sendall(b"HTTP/1.0 " + code + b"\\r\\n\\r\\n")
    client.close()
"""
"""Like MLflow with `--auth true`: it keeps the password that it was first started with, and no other."""
STEPS = ("open", "os.rename", "os.remove", "os.mkdir", "subprocess.Popen", "os.killpg")
"""What Python says of itself before it writes, moves or deletes a file, starts or ends a process."""


@pytest.fixture(autouse=True)
def _stand_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two small servers in place of the real ones, so that a hundred starts take seconds."""

    def server(name: str) -> Callable[[Settings, Secrets, Folder], Launch]:
        def launch(settings: Settings, secret: Secrets, folder: Folder) -> Launch:
            port = settings.s3_port if name == "store" else settings.mlflow_port
            password = secret.admin_password if settings.auth and name == "mlflow" else ""
            pause = os.environ.get("TEST_PAUSE", "0")
            where = [str(folder.path(f"{name}.memory")), password, str(port), pause]
            return Launch([sys.executable, "-S", "-c", SERVER, *where], dict(os.environ))

        return launch

    monkeypatch.setattr(
        stack, "_servers", lambda settings: {name: server(name) for name in ("store", "mlflow")}
    )
    monkeypatch.setattr(stack, "make_databases", lambda *given: None)
    monkeypatch.setattr(stack, "make_bucket", lambda settings, secret: _answers(settings.s3_url))
    monkeypatch.setattr("memest.services.decide.store_program", lambda store: store)


def _answers(url: str) -> None:
    from memest.services.probes import search_experiments

    search_experiments(url, here=True)


@pytest.fixture
def folders(tmp_path: Path) -> Iterator[Callable[[], Folder]]:
    """Fresh folders; what runs in them is ended."""
    made: list[Folder] = []

    def fresh() -> Folder:
        made.append(Folder(tmp_path / f"services-{len(made)}"))
        return made[-1]

    yield fresh
    for one in made:
        services.down(one, grace=0)


def killed(work: Callable[[], object], at: int, folder: Folder) -> bool:
    """Do `work` in a child that is killed (-9) at its step `at` in this folder; whether it came to that."""
    child = os.fork()
    if not child:
        count = 0

        def hook(event: str, given: Any) -> None:
            nonlocal count
            if event in STEPS and (event == "os.killpg" or str(folder.root) in repr(given)):
                count += 1
                if count == at:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hook)
        try:
            work()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def processes_of(folder: Folder) -> list[str]:
    """Every process on this machine that was started for a folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            line = (entry / "cmdline").read_text()
        except OSError:
            continue
        if str(folder.root) + "/" in line:
            found.append(line)
    return found


def assert_comes_up(folder: Folder, wanted: Wanted) -> None:
    """The next `up` succeeds, and leaves two servers, no draft, and settings that have worked."""
    services.up(wanted, folder, seconds=20)
    assert {one.name: one.state for one in services.status(folder)} == {
        "store": "running",
        "mlflow": "running",
    }
    assert len(processes_of(folder)) == 2, "a server runs that nobody knows of"
    assert not folder.unfinished()
    assert folder.settings() == folder.proven()
    assert not list(folder.root.glob("*.draft"))


def test_killed_at_any_step_the_first_up_is_made_good(folders: Callable[[], Folder]) -> None:
    """Every write, rename and start of a first `up --auth true`: the same command again comes up."""
    wanted, step = Wanted(auth=True), 0
    came = True
    while came:
        step += 1
        folder = folders()
        came = killed(lambda at=folder: services.up(wanted, at, seconds=20), step, folder)  # type: ignore[misc]
        assert_comes_up(folder, wanted)
        assert services.exports(folder)["MLFLOW_TRACKING_USERNAME"] == "admin"
        services.down(folder, grace=0)
    assert step > 15, "the child was hardly killed: it does other steps than this test knows"


def test_killed_while_it_gives_up_it_is_made_good(
    folders: Callable[[], Folder], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A first `up --auth true` that is too slow and is killed while it takes things back."""
    wanted, step = Wanted(auth=True), 0
    came = True

    def slow(folder: Folder) -> None:
        os.environ["TEST_PAUSE"] = "0.2"  # the password is remembered, and the time is over
        services.up(wanted, folder, seconds=0)

    while came:
        step += 1
        folder = folders()
        came = killed(lambda at=folder: slow(at), step, folder)  # type: ignore[misc]
        assert_comes_up(folder, wanted)
        services.down(folder, grace=0)


def test_killed_at_any_step_a_change_happens_whole(folders: Callable[[], Folder]) -> None:
    """`up --auth true` in a folder that worked without: the next plain `up` comes up, either way."""
    step, came, seen = 0, True, set()
    first = folders()
    services.up(Wanted(workers=1), first, seconds=20)
    services.down(first, grace=0)
    while came:
        step += 1
        folder = folders()
        shutil.copytree(first.root, folder.root)
        came = killed(
            lambda at=folder: services.up(Wanted(auth=True, workers=3), at, seconds=20),  # type: ignore[misc]
            step,
            folder,
        )
        assert_comes_up(folder, Wanted())
        settings = folder.settings()
        assert settings
        seen.add((settings.auth, settings.workers))
        services.down(folder, grace=0)
    assert seen == {(False, 1), (True, 3)}


def test_a_failed_up_leaves_what_was(folders: Callable[[], Folder], monkeypatch: pytest.MonkeyPatch) -> None:
    """Too slow: settings and credentials are those of before; the password that MLflow has stays known."""
    folder = folders()
    monkeypatch.setenv("TEST_PAUSE", "5")
    with pytest.raises(ServiceError, match="does not do its work"):
        services.up(Wanted(auth=True), folder, seconds=0.5)
    assert (folder.settings(), processes_of(folder)) == (None, [])
    first = folder.secrets()
    monkeypatch.setenv("TEST_PAUSE", "0")
    assert_comes_up(folder, Wanted(auth=True))
    with pytest.raises(ServiceError):
        services.down(folder, grace=0)
        monkeypatch.setenv("TEST_PAUSE", "5")
        services.up(Wanted(auth=False, backend="postgresql://ada:secret@db/x"), folder, seconds=0.5)
    assert folder.secrets() == first
    settings = folder.settings()
    assert settings
    assert settings.auth


def test_users_of_other_credentials_are_named(folders: Callable[[], Folder]) -> None:
    """auth.db of one folder beside credentials.json of another: said at once, with both ways out."""
    folder = folders()
    folder.root.mkdir()
    folder.path("mlflow.memory").write_text("the password of another credentials.json")
    began = time.monotonic()
    with pytest.raises(ServiceError, match=r"auth\.db and credentials\.json do not belong together"):
        services.up(Wanted(auth=True), folder, seconds=60)
    assert time.monotonic() - began < 30


def test_the_store_may_become_another_until_one_has_worked(folders: Callable[[], Folder]) -> None:
    """What was asked for once and never worked binds nobody; what worked does."""
    folder = folders()
    assert killed(lambda: services.up(Wanted(bucket="a-typo"), folder, seconds=20), 12, folder)
    services.down(folder, grace=0)
    assert_comes_up(folder, Wanted(bucket="right"))
    with pytest.raises(SettingError, match="keep their artifacts"):
        services.up(Wanted(bucket="other"), folder)


def tables(file: Path) -> list[tuple[Any, ...]]:
    """Every table, column and index of a SQLite file, and the last migration."""
    with sqlite3.connect(file) as connection:
        names = sorted(connection.execute("SELECT type, name FROM sqlite_master").fetchall())
        found = [(*one, *connection.execute(f"PRAGMA table_info({one[1]})").fetchall()) for one in names]
        (version,) = [name for _, name in names if name.startswith("alembic_version") and "pk" not in name]
        return [*found, *connection.execute(f"SELECT * FROM {version}").fetchall()]


@pytest.mark.parametrize("name", [RUNS, USERS])
def test_databases_are_whole_or_not_there(name: str, tmp_path: Path) -> None:
    """kill -9 in the middle of MLflow's migrations: made again, it has the tables of one never disturbed."""
    (tmp_path / "calm").mkdir()
    calm, file = tmp_path / "calm" / name, tmp_path / name
    process = Forked(["memest.services.databases", str(file)])
    draft = tmp_path / f"{name}.draft"
    while process.poll() is None and not (draft.exists() and draft.stat().st_size > 60_000):
        time.sleep(0.001)
    process.kill()
    assert process.wait() == -signal.SIGKILL, process.said
    assert not file.exists(), "the moment was missed"
    assert draft.exists()
    again = Forked(["memest.services.databases", str(file), str(calm)])
    assert again.wait() == 0, again.said
    assert tables(file) == tables(calm)
    assert not draft.exists()


def test_a_password_with_a_space_is_known(tmp_path: Path) -> None:
    """A database URL is one URL: everything between the name and the last @ is its password."""
    assert passwords("postgresql://ada:two words@db/runs")[0] == "two words"
