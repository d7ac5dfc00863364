"""What the services refuse before anything starts, and how each server is started."""

from __future__ import annotations

from pathlib import Path

import pytest
from commands import memest
from real_servers import which_store

from memest.services import Folder, Secrets, Settings
from memest.services.mlflow_server import mlflow_server
from memest.services.stores import STORES

pytestmark = pytest.mark.usefixtures("no_settings_inherited")
BAD = [
    (("--store", "rustfs"), "minio, seaweedfs, versitygw"),
    (("--s3-port", "70000"), "s3-port must be a whole number"),
    (("--bucket", "No_Such_Name"), "3 to 63 of a-z"),
    (("--store", "minio", "--endpoint", "http://127.0.0.1:9"), "give one"),
    (("--endpoint", "http://127.0.0.1:9"), "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
    (("--host", "::1"), "an IPv4 address or a name"),
    (("--stor", "minio"), "did you mean '--store'"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD, ids=[" ".join(given) for given, _ in BAD])
def test_bad_settings_write_nothing(arguments: tuple[str, ...], message: str) -> None:
    """Exit code 2 and one line with the way out; not even a folder."""
    code, said = memest("services", "up", *arguments)
    assert (code, said.count("\n")) == (2, 1)
    assert message in said
    assert list(Path.cwd().iterdir()) == []


def test_a_store_that_is_not_installed_says_how(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without MinIO the error names `make minio` and the other store; nothing is written."""
    monkeypatch.setenv("PATH", "/nowhere")
    code, said = memest("services", "up")
    assert code == 2
    assert "`make minio`" in said
    assert "--store seaweedfs" in said
    assert list(Path.cwd().iterdir()) == []


def test_a_store_that_is_named_is_the_only_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """In CI these tests fail without the store that MEMEST_TEST_STORE names, whatever else is there."""
    monkeypatch.setenv("CI", "true")
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("MEMEST_TEST_STORE", "minio")
    with pytest.raises(pytest.fail.Exception, match="there is no minio here"):
        which_store()


def test_minio_is_started_with_its_secrets_in_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command of MinIO: data and ports; root user and password are not in it; no news is asked for."""
    binary = tmp_path / "bin" / "minio"
    binary.parent.mkdir()
    binary.touch(0o755)
    monkeypatch.setenv("PATH", str(binary.parent))
    monkeypatch.setenv("MINIO_ROOT_PASSWORD", "of another server")
    settings, secret = Settings(s3_port=9000, console_port=9001), Secrets()
    launch = STORES["minio"](settings, secret, Folder(tmp_path))
    assert launch.command[:3] == [str(binary), "server", str(tmp_path / "minio")]
    assert "127.0.0.1:9000" in launch.command
    assert "127.0.0.1:9001" in launch.command
    assert not {secret.access_key, secret.secret_key} & set(launch.command)
    assert launch.environment["MINIO_ROOT_USER"] == secret.access_key
    assert launch.environment["MINIO_ROOT_PASSWORD"] == secret.secret_key
    assert launch.environment["MINIO_UPDATE"] == "off"


def test_versitygw_is_started_with_its_secrets_in_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command of versitygw: address and data, private files; neither keys nor settings of others."""
    binary = tmp_path / "bin" / "versitygw"
    binary.parent.mkdir()
    binary.touch(0o755)
    monkeypatch.setenv("PATH", str(binary.parent))
    monkeypatch.setenv("VGW_READ_ONLY", "true")
    monkeypatch.setenv("ROOT_ACCESS_KEY", "of another server")
    secret = Secrets()
    launch = STORES["versitygw"](Settings(s3_port=9000), secret, Folder(tmp_path))
    assert launch.command[:3] == [str(binary), "--port", "127.0.0.1:9000"]
    assert launch.command[-1] == str(tmp_path / "versitygw")
    assert (tmp_path / "versitygw").stat().st_mode & 0o777 == 0o700
    assert not {secret.access_key, secret.secret_key} & set(launch.command)
    assert launch.environment["ROOT_ACCESS_KEY_ID"] == secret.access_key
    assert launch.environment["ROOT_SECRET_ACCESS_KEY"] == secret.secret_key
    assert not {"VGW_READ_ONLY", "ROOT_ACCESS_KEY"} & set(launch.environment)


def test_the_server_inherits_no_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables meant for other clients do not reach the MLflow server; the database URL goes unseen."""
    monkeypatch.setenv("AWS_PROFILE", "somebody")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://elsewhere")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "intra.net")
    secret = Secrets(backend="postgresql://memest:hunter2@db/memest")
    launch = mlflow_server(Settings(), secret, Folder(tmp_path))
    assert not {"AWS_PROFILE", "MLFLOW_TRACKING_URI"} & set(launch.environment)
    assert launch.environment["MLFLOW_BACKEND_STORE_URI"] == secret.backend
    assert launch.environment["NO_PROXY"] == "intra.net,127.0.0.1,localhost"
    assert "hunter2" not in " ".join(launch.command)
    assert "hunter2" not in secret.hide(f"cannot reach {secret.backend}; password hunter2")
