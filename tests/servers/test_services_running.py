"""Services that run: an S3 store and an MLflow server, direct way, as all tests share them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from commands import ENDPOINT, assert_kept_to_itself, known, memest, objects, use
from real_servers import which_store

from memest import services
from memest.errors import SettingError
from memest.services import Folder, Wanted, process
from memest.services.process import Launch, Process, start

pytestmark = [pytest.mark.mlflow, pytest.mark.usefixtures("no_settings_inherited")]
MEMEST = [sys.executable, "-c", "from memest.cli import main; raise SystemExit(main())"]


def test_a_second_up_does_nothing(shared: Folder) -> None:
    """The same processes, ports and credentials; the text says that nothing was done."""
    before = (shared.processes(), *known(shared))
    code, said = memest("services", "up", "--folder", str(shared.root))
    assert (code, (shared.processes(), *known(shared))) == (0, before)
    assert "everything runs already: nothing was done" in said


def test_the_services_keep_to_themselves(shared: Folder) -> None:
    """Files of mode 600, no secret in what `ps` shows, in logs or in output, and loopback only."""
    for command in ("up", "status"):
        assert memest("services", command, "--folder", str(shared.root))[0] == 0
    assert_kept_to_itself(shared)


def test_other_settings_are_refused_while_it_runs(shared: Folder) -> None:
    """What runs is not silently something else than what is asked for, nor are its artifacts left behind."""
    with pytest.raises(SettingError, match="run with another auth; stop them first"):
        services.up(Wanted(auth=True), shared)
    with pytest.raises(SettingError, match="keep their artifacts in bucket 'memest'"):
        services.up(Wanted(bucket="other"), shared)


def test_env_is_for_a_shell(shared: Folder) -> None:
    """What `services env` prints, evaluated by sh, is what a client needs."""
    script = 'eval "$("$@" services env --folder "$0")" && env -0'
    run = subprocess.run(["sh", "-c", script, str(shared.root), *MEMEST], capture_output=True, check=True)
    found = dict(pair.split("=", 1) for pair in run.stdout.decode().split("\0") if pair)
    wanted = services.exports(shared)
    assert {name: found.get(name) for name in wanted} == wanted
    assert "AWS_SECRET_ACCESS_KEY" in wanted


def test_training_ends_up_in_the_bucket(shared: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run against the server puts its sheet on S3, where the `minio` client sees it."""
    use(services.exports(shared), monkeypatch)
    arguments = ("--limit", "300", "--epochs", "2", "--experiment", "services")
    code, said = memest("train", *arguments)
    assert code == 0, said
    run_id = said.split("run ")[-1].split()[0]
    names = {name.rpartition("artifacts/")[2] for name in objects(shared) if run_id in name}
    assert {"sheet/manifest.json", "sheet/summary.parquet", "config.json"} <= names
    assert "was done before" in memest("train", *arguments)[1]


def test_a_server_that_does_not_come_up_says_why(
    shared: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The end of its log, without the password in it; what was started is stopped; exit code 1."""
    use(services.exports(shared), monkeypatch)
    monkeypatch.setenv("MLFLOW_BACKEND_STORE_URI", "postgresql+nosuch://memest:hunter2 hunter2@127.0.0.1/x")
    place = str(tmp_path / "services")
    code, said = memest("services", "up", "--endpoint", os.environ[ENDPOINT], "--folder", place)
    assert code == 1
    assert "mlflow ended by itself" in said
    assert "nosuch" in said.partition("follows")[2]
    assert "hunter2" not in said
    left = Folder(tmp_path / "services")
    assert (left.processes(), left.settings()) == ({}, None)
    secret = left.secrets()
    assert secret
    assert secret.backend == ""


def test_a_taken_port_is_refused(tmp_path: Path) -> None:
    """A port that something else listens on is named, with the way out."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        with pytest.raises(SettingError, match=rf"--s3-port {taken}: something else listens there"):
            services.up(Wanted(store=which_store(), s3_port=taken), Folder(tmp_path / "services"))


@pytest.mark.parametrize("host", ["1.2.3.4", "no host", "nowhere.invalid"])
def test_an_address_of_others_is_refused_before_anything_is_written(host: str) -> None:
    """Exit code 2, one line; no folder, no credentials."""
    code, said = memest("services", "up", "--store", which_store(), "--host", host)
    assert (code, said.count("\n")) == (2, 1)
    assert f"--host {host}: no address of this machine" in said
    assert list(Path.cwd().iterdir()) == []


@pytest.mark.parametrize("source", ["/proc", "ps"])
def test_a_recycled_number_is_not_ours(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that got the number of one of ours is neither taken for it nor killed."""
    monkeypatch.setattr(process, "_PROC", Path(source))
    launch = Launch([sys.executable, "-c", "import time; time.sleep(60)"], dict(os.environ))
    ours = start(launch, tmp_path, tmp_path / "log", Process.planned())
    stranger = Process(ours.pid, "another moment", "another mark")
    assert ours.alive()
    assert not stranger.alive()
    stranger.stop(grace=1)
    assert ours.members() == [ours.pid]
    ours.stop(grace=5)
    assert (ours.alive(), ours.members()) == (False, [])
