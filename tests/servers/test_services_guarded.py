"""A server alone, with names and passwords, on a store that is elsewhere: proxied way."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from commands import (
    ENDPOINT,
    TRACKING,
    assert_kept_to_itself,
    known,
    memest,
    objects,
    use,
    wait_until,
)

from memest import services
from memest.services import Folder, Wanted
from memest.services.databases import USERS
from memest.services.probes import bucket_client, search_experiments

pytestmark = [pytest.mark.mlflow, pytest.mark.slow, pytest.mark.usefixtures("no_settings_inherited")]
WANTED = Wanted(
    bucket="guarded", artifacts="proxied", auth=True, workers=1, allowed_hosts="mlflow.example, 10.0.0.7"
)


@pytest.fixture(scope="module")
def guarded(shared: Folder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Folder]:
    """Up at the second attempt: the first and its server were killed when it had made its administrator."""
    found = Folder(tmp_path_factory.mktemp("guarded") / "services")
    settings, secret = known(shared)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", secret.access_key)
        patch.setenv("AWS_SECRET_ACCESS_KEY", secret.secret_key)
        flags = ["--endpoint", settings.s3_url, "--folder", str(found.root), "--workers", "1"]
        flags += ["--bucket", "guarded", "--artifacts", "proxied", "--auth", "true"]
        flags += ["--allowed-hosts", WANTED.allowed_hosts]
        command = "from memest.cli import main; raise SystemExit(main())"
        first = subprocess.Popen([sys.executable, "-c", command, "services", "up", *flags])
        wait_until(lambda: has_users(found), 60)
        first.kill()
        first.wait()
        server = found.processes()["mlflow"]
        os.killpg(server.pid, signal.SIGKILL)
        wait_until(lambda: not server.members())
        code, said = memest("services", "up", *flags)
        assert code == 0, said
    yield found
    services.down(found, grace=0.5)


def has_users(folder: Folder) -> bool:
    """Whether the server has made its administrator, and so keeps the first password."""
    if not folder.path(USERS).is_file():
        return False
    with closing(sqlite3.connect(folder.path(USERS))) as database:
        return bool(database.execute("SELECT count(*) FROM users").fetchone()[0])


def test_the_proxied_way_gives_the_same_bytes(guarded: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """An artifact goes through the server into the bucket and back, by a client without S3 keys."""
    from mlflow import MlflowClient

    found = use(services.exports(guarded), monkeypatch)
    assert "AWS_SECRET_ACCESS_KEY" not in found
    server = MlflowClient(os.environ[TRACKING])
    run = server.create_run(server.create_experiment("proxied"))
    content = os.urandom(300_000)
    Path("some.bin").write_bytes(content)
    server.log_artifact(run.info.run_id, "some.bin", "deep/er")
    assert run.info.artifact_uri.startswith("mlflow-artifacts:")
    assert Path(server.download_artifacts(run.info.run_id, "deep/er/some.bin", ".")).read_bytes() == content
    (name,) = [name for name in objects(guarded) if name.endswith("some.bin")]
    settings, secret = known(guarded)
    assert bucket_client(settings, secret).get_object(settings.bucket, name).data == content


def test_strangers_are_refused(guarded: Folder) -> None:
    """Neither nobody nor a wrong password gets an answer; the administrator does."""
    settings, secret = known(guarded)
    for login in (("", ""), ("admin", "wrong password")):
        assert search_experiments(settings.mlflow_url, login, here=True).status_code == 401
    assert search_experiments(settings.mlflow_url, ("admin", secret.admin_password)).status_code == 200


def test_the_server_is_called_by_its_names_only(guarded: Folder) -> None:
    """A name of `--allowed-hosts` may call, and so may a page that came from it; others are refused."""
    import requests

    settings, secret = known(guarded)
    url = f"{settings.mlflow_url}/ajax-api/2.0/mlflow/experiments/search"
    login = ("admin", secret.admin_password)
    for host, wanted in (
        ("mlflow.example:80", 200),
        ("10.0.0.7", 200),
        ("localhost", 200),
        ("evil.example", 403),
    ):
        for headers in ({"Host": host}, {"Origin": f"http://{host}"}):
            answer = requests.post(url, json={"max_results": 1}, auth=login, headers=headers, timeout=20)
            assert answer.status_code == wanted, headers


def test_users_read_and_do_not_write_what_is_not_theirs(
    guarded: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the documentation says of a user that the administrator makes."""
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException
    from mlflow.server import get_app_client

    use(services.exports(guarded), monkeypatch)
    url = os.environ[TRACKING]
    admin = MlflowClient(url)
    run_id = admin.create_run(admin.create_experiment("of the administrator")).info.run_id
    get_app_client("basic-auth", tracking_uri=url).create_user("ada", "twelve letters")
    use({"MLFLOW_TRACKING_USERNAME": "ada", "MLFLOW_TRACKING_PASSWORD": "twelve letters"}, monkeypatch)
    ada = MlflowClient(url)
    assert ada.get_run(run_id).info.run_id == run_id
    with pytest.raises(MlflowException, match=r"403|Permission denied"):
        ada.set_tag(run_id, "mine", "now")
    assert ada.create_run(ada.create_experiment("of ada")).info.status == "RUNNING"


def test_a_store_elsewhere_is_remembered(guarded: Folder) -> None:
    """A later `up` needs neither the endpoint nor its credentials again."""
    before = (guarded.processes(), *known(guarded))
    assert memest("services", "up", "--folder", str(guarded.root))[0] == 0
    assert (guarded.processes(), *known(guarded)) == before


def test_doctor_reads_the_folder(guarded: Folder) -> None:
    """With nothing in the environment the services of the folder are checked, through their proxy."""
    code, said = memest("doctor", "--folder", str(guarded.root))
    assert code == 0, said
    assert said.startswith(f"settings come from {guarded.root}\n")
    assert "bytes into mlflow-artifacts and back, the same" in said


def test_doctor_sees_that_a_password_is_missing(
    shared: Folder, guarded: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither name nor password: the tracking server, and the two variables to set."""
    use(services.exports(shared) | {TRACKING: known(guarded)[0].mlflow_url}, monkeypatch)
    assert ENDPOINT in os.environ
    code, said = memest("doctor")
    assert code == 1
    assert "FAILED   tracking server" in said
    assert "401: it wants a name and password" in said
    assert "MLFLOW_TRACKING_USERNAME" in said.splitlines()[-1]


def test_the_guarded_server_keeps_to_itself(guarded: Folder) -> None:
    """Files of mode 600, no secret in what `ps` shows, in logs or in output, and loopback only."""
    assert_kept_to_itself(guarded)
