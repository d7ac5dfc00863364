"""The services, as real processes: an S3 store, an MLflow server, and what breaks between them.

The store is MinIO where it is found, else SeaweedFS from its wheel; every test leaves both running.
"""

from __future__ import annotations

import contextlib
import io
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from real_servers import which_store

from memest import cli, services
from memest.errors import SettingError
from memest.services import Check, Folder, Secrets, Settings, Wanted, examine, process
from memest.services.mlflow_server import mlflow_server
from memest.services.ports import free_ports
from memest.services.probes import bucket_client, search_experiments
from memest.services.process import Launch, Process, start
from memest.services.stores import STORES

pytestmark = [pytest.mark.mlflow, pytest.mark.slow]
ENDPOINT, TRACKING = "MLFLOW_S3_ENDPOINT_URL", "MLFLOW_TRACKING_URI"
MEMEST = [sys.executable, "-c", "from memest.cli import main; raise SystemExit(main())"]


SAID: list[str] = []
"""All that the commands of these tests have printed, to be searched for secrets."""


def memest(*arguments: str) -> tuple[int, str]:
    """Exit code and all that a command prints."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = cli.main(list(arguments))
    SAID.append(said.getvalue())
    return code, said.getvalue()


@pytest.fixture(autouse=True)
def _no_settings_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith(("AWS_", "MLFLOW_", "MEMEST_BUCKET")):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Folder]:
    """A store and a server, direct route, in a folder whose name needs quoting everywhere."""
    found = Folder(tmp_path_factory.mktemp("100% it's here") / "services")
    services.up(Wanted(store=which_store(), workers=1), found)
    yield found
    services.down(found, grace=0.5)


@pytest.fixture(scope="session")
def guarded(folder: Folder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Folder]:
    """A server alone on that store, named as one elsewhere: proxied route, names and passwords."""
    found = Folder(tmp_path_factory.mktemp("guarded") / "services")
    settings, secret = known(folder)
    wanted = Wanted(
        endpoint=settings.s3_url,
        bucket="guarded",
        artifacts="proxied",
        auth=True,
        workers=1,
        allowed_hosts="mlflow.example, 10.0.0.7",
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", secret.access_key)
        patch.setenv("AWS_SECRET_ACCESS_KEY", secret.secret_key)
        services.up(wanted, found)
    yield found
    services.down(found, grace=0.5)


@pytest.fixture
def client(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The environment of a client of the direct route, set."""
    return use(services.exports(folder), monkeypatch)


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


def objects(folder: Folder) -> dict[str, int]:
    """Name and size of everything in the bucket, as the `minio` client sees it."""
    settings, secret = known(folder)
    found = bucket_client(settings, secret).list_objects(settings.bucket, recursive=True)
    return {one.object_name: one.size for one in found}


def listens(url: str) -> bool:
    """Whether anything accepts at the port of a URL."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", int(url.rpartition(":")[2]))) == 0


def test_a_second_up_does_nothing(folder: Folder) -> None:
    """The same processes, ports and credentials; the text says that nothing was done."""
    before = (folder.processes(), *known(folder))
    code, said = memest("services", "up", "--folder", str(folder.root))
    assert (code, (folder.processes(), *known(folder))) == (0, before)
    assert "everything runs already: nothing was done" in said


def test_what_is_written_is_private(folder: Folder, guarded: Folder) -> None:
    """Files that hold secrets or logs have mode 600, folders 700."""
    for root in (folder.root, guarded.root):
        assert stat.S_IMODE(root.stat().st_mode) == 0o700
        for path in root.iterdir():
            if path.suffix in (".json", ".ini", ".log"):
                assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert {"credentials.json", "settings.json"} <= {path.name for path in folder.root.iterdir()}


def test_the_command_lines_hold_no_secret(folder: Folder, guarded: Folder) -> None:
    """What `ps` shows of every process of the services."""
    _, secret = known(folder)
    _, password = known(guarded)
    hidden = (secret.access_key, secret.secret_key, secret.signing_key, password.admin_password)
    pids = [pid for one in (folder, guarded) for p in one.processes().values() for pid in p.members()]
    shown = "".join(Path(f"/proc/{pid}/cmdline").read_text() for pid in pids)
    assert len(pids) >= 5
    assert "server" in shown
    assert not [value for value in hidden if value in shown]


def test_only_loopback_is_listened_on(folder: Folder, guarded: Folder) -> None:
    """No process of the services listens on an address that others can reach."""
    sockets = {entry.readlink().name for entry in _open_files(folder, guarded) if entry.is_symlink()}
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    ours = [row[1] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in sockets]
    assert len(ours) >= 3
    assert {address.partition(":")[0] for address in ours} == {"0100007F"}
    rows = [line.split() for line in Path("/proc/net/tcp6").read_text().splitlines()[1:]]
    assert not [row for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in sockets]


def _open_files(*folders: Folder) -> list[Path]:
    pids = [pid for one in folders for one_of in one.processes().values() for pid in one_of.members()]
    return [entry for pid in pids for entry in Path(f"/proc/{pid}/fd").iterdir()]


@pytest.mark.parametrize("name", ["store", "mlflow"])
def test_a_killed_server_is_seen_and_comes_back(folder: Folder, name: str) -> None:
    """kill -9: `status` says crashed; `up` restarts that one alone, with its ports, credentials and data."""
    settings, secret = known(folder)
    store = bucket_client(settings, secret)
    store.put_object(settings.bucket, "kept", io.BytesIO(b"through the crash"), 17)
    other = {"store": "mlflow", "mlflow": "store"}[name]
    before = folder.processes()
    os.kill(before[name].pid, signal.SIGKILL)
    wait_until(lambda: states(folder)[name] == "crashed")
    code, said = memest("services", "status", "--folder", str(folder.root))
    assert (code, states(folder)[other]) == (1, "running")
    assert f"{name} ended without being stopped" in said
    services.up(Wanted(), folder)
    assert known(folder) == (settings, secret)
    after = folder.processes()
    assert (after[other], after[name] != before[name]) == (before[other], True)
    assert before[name].members() == []
    assert store.get_object(settings.bucket, "kept").data == b"through the crash"
    assert search_experiments(settings.mlflow_url, here=True).json()["experiments"]


def wait_until(holds: Any, seconds: float = 10) -> None:
    """Wait for a fact, or fail."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_down_leaves_nothing_behind(folder: Folder) -> None:
    """No process of either group, no port; again is no error; the next `up` finds everything as it was."""
    processes, kept = folder.processes(), known(folder)
    assert memest("services", "down", "--grace", "0.5", "--folder", str(folder.root))[0] == 0
    assert [gone.members() for gone in processes.values()] == [[], []]
    assert not listens(kept[0].s3_url)
    assert not listens(kept[0].mlflow_url)
    assert states(folder) == {"store": "stopped", "mlflow": "stopped"}
    assert memest("services", "down", "--folder", str(folder.root)) == (0, "nothing runs\n")
    services.up(Wanted(), folder)
    assert known(folder) == kept


def test_other_settings_are_refused_while_it_runs(folder: Folder) -> None:
    """What runs is not silently something else than what is asked for, nor are its artifacts left behind."""
    with pytest.raises(SettingError, match="run with another auth; stop them first"):
        services.up(Wanted(auth=True), folder)
    with pytest.raises(SettingError, match="keep their artifacts in bucket 'memest'"):
        services.up(Wanted(bucket="other"), folder)


def test_env_is_for_a_shell(folder: Folder, guarded: Folder) -> None:
    """What `services env` prints, evaluated by sh, is what a client needs; proxied clients get no S3 keys."""
    for one in (folder, guarded):
        script = 'eval "$("$@" services env --folder "$0")" && env -0'
        run = subprocess.run(["sh", "-c", script, str(one.root), *MEMEST], capture_output=True, check=True)
        found = dict(pair.split("=", 1) for pair in run.stdout.decode().split("\0") if pair)
        wanted = services.exports(one)
        assert {name: found.get(name) for name in wanted} == wanted
    assert "AWS_SECRET_ACCESS_KEY" not in wanted
    assert wanted["MLFLOW_TRACKING_USERNAME"] == "admin"


def test_training_ends_up_in_the_bucket(client: dict[str, str], folder: Folder) -> None:
    """A run against the server puts its sheet on S3, where the `minio` client sees it."""
    arguments = ("--limit", "300", "--epochs", "2", "--experiment", "services")
    code, said = memest("train", *arguments)
    assert code == 0, said
    run_id = said.split("run ")[-1].split()[0]
    names = {name.rpartition("artifacts/")[2] for name in objects(folder) if run_id in name}
    assert {"sheet/manifest.json", "sheet/summary.parquet", "config.json"} <= names
    assert "was done before" in memest("train", *arguments)[1]


def test_the_proxied_route_gives_the_same_bytes(guarded: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """An artifact goes through the server into the bucket and back, by a client without S3 keys."""
    from mlflow import MlflowClient

    use(services.exports(guarded), monkeypatch)
    server = MlflowClient(os.environ["MLFLOW_TRACKING_URI"])
    run = server.create_run(server.create_experiment("proxied"))
    content = os.urandom(300_000)
    Path("some.bin").write_bytes(content)
    server.log_artifact(run.info.run_id, "some.bin", "deep/er")
    assert run.info.artifact_uri.startswith("mlflow-artifacts:")
    assert Path(server.download_artifacts(run.info.run_id, "deep/er/some.bin", ".")).read_bytes() == content
    (name,) = [name for name in objects(guarded) if name.endswith("some.bin")]
    settings, secret = known(guarded)
    assert bucket_client(settings, secret).get_object(settings.bucket, name).data == content


def test_the_guarded_server_refuses_strangers(guarded: Folder) -> None:
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
            answer = requests.post(url, json={"max_results": 1}, auth=login, headers=headers, timeout=5)
            assert answer.status_code == wanted, headers


def test_users_read_and_do_not_write_what_is_not_theirs(
    guarded: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the documentation says of a user that the administrator makes."""
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException
    from mlflow.server import get_app_client

    use(services.exports(guarded), monkeypatch)
    url = os.environ["MLFLOW_TRACKING_URI"]
    admin = MlflowClient(url)
    run_id = admin.create_run(admin.create_experiment("of the administrator")).info.run_id
    get_app_client("basic-auth", tracking_uri=url).create_user("ada", "twelve letters")
    use({"MLFLOW_TRACKING_USERNAME": "ada", "MLFLOW_TRACKING_PASSWORD": "twelve letters"}, monkeypatch)
    ada = MlflowClient(url)
    assert ada.get_run(run_id).info.run_id == run_id
    with pytest.raises(MlflowException, match=r"403|Permission denied"):
        ada.set_tag(run_id, "mine", "now")
    assert ada.create_run(ada.create_experiment("of ada")).info.status == "RUNNING"


def test_a_server_that_does_not_come_up_says_why(
    client: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The end of its log, without the password in it; what was started is stopped; exit code 1."""
    monkeypatch.setenv("MLFLOW_BACKEND_STORE_URI", "postgresql+nosuch://memest:hunter2hunter2@127.0.0.1/x")
    place = str(tmp_path / "services")
    code, said = memest("services", "up", "--endpoint", client[ENDPOINT], "--folder", place)
    assert code == 1
    assert "mlflow ended by itself" in said
    assert "nosuch" in said.partition("follows")[2]
    assert "hunter2hunter2" not in said
    left = Folder(tmp_path / "services")
    assert (left.processes(), left.settings()) == ({}, None)
    secret = left.secrets()
    assert secret
    assert secret.backend == ""


BAD = [
    (("--store", "rustfs"), "minio, seaweedfs"),
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


def test_a_taken_port_is_refused(tmp_path: Path) -> None:
    """A port that something else listens on is named, with the way out."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        with pytest.raises(SettingError, match=rf"--s3-port {taken}: something else listens there"):
            services.up(Wanted(store=which_store(), s3_port=taken), Folder(tmp_path / "services"))


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


def test_a_store_elsewhere_that_refuses_is_said_at_once(client: dict[str, str], tmp_path: Path) -> None:
    """Wrong credentials of a store elsewhere: no wait, no server left, exit code 1."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_SECRET_ACCESS_KEY", "another secret")
        began = time.monotonic()
        code, said = memest("services", "up", "--endpoint", client[ENDPOINT], "--folder", str(tmp_path / "s"))
    assert time.monotonic() - began < 5
    assert code == 1
    assert "AccessDenied" in said
    assert "correct the endpoint, its credentials (AWS_*) or --bucket" in said
    assert Folder(tmp_path / "s").settings() is None


def test_a_store_elsewhere_is_remembered(guarded: Folder) -> None:
    """A later `up` needs neither the endpoint nor its credentials again."""
    before = (guarded.processes(), *known(guarded))
    assert memest("services", "up", "--folder", str(guarded.root))[0] == 0
    assert (guarded.processes(), *known(guarded)) == before


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


def test_doctor_is_content_with_what_works(client: dict[str, str], folder: Folder) -> None:
    """Every link holds, by the environment and by the folder alike, and nothing is left in the bucket."""
    before = set(objects(folder))
    code, said = memest("doctor")
    assert code == 0, said
    assert said.splitlines()[0] == "settings come from the environment"
    states = {line[9:25].strip(): line.split()[0] for line in said.splitlines()[1:]}
    assert states.pop("GPU") in ("ok", "skipped")
    assert set(states.values()) == {"ok"}
    assert len(states) == 8
    assert set(objects(folder)) == before


def test_doctor_reads_the_folder(guarded: Folder) -> None:
    """With nothing in the environment the services of the folder are checked, through their proxy."""
    code, said = memest("doctor", "--folder", str(guarded.root))
    assert code == 0, said
    assert said.startswith(f"settings come from {guarded.root}\n")
    assert "bytes into mlflow-artifacts and back, the same" in said


def test_doctor_without_servers_checks_the_local_route() -> None:
    """Nothing configured: an artifact goes into a SQLite store in this folder, and nothing stays there."""
    code, said = memest("doctor")
    assert code == 0, said
    assert "bytes into a folder and back, the same" in said
    assert list(Path.cwd().iterdir()) == []


def silent() -> socket.socket:
    """A server that accepts and never answers."""
    return socket.create_server(("127.0.0.1", 0))


def address(server: socket.socket) -> str:
    """The URL of a server."""
    return f"http://127.0.0.1:{server.getsockname()[1]}"


BROKEN = {
    "S3 server down": ({ENDPOINT: "down"}, "S3 endpoint", "Connection refused", "memest services up"),
    "S3 host unknown": (
        {ENDPOINT: "http://minioo.invalid:9000"},
        "S3 endpoint",
        "no host is called 'minioo.invalid'",
        "correct the host name in MLFLOW_S3_ENDPOINT_URL",
    ),
    "S3 endpoint is no URL": (
        {ENDPOINT: "127.0.0.1:9000"},
        "S3 endpoint",
        "is not a URL",
        "looks like http://127.0.0.1:9000",
    ),
    "S3 silent": ({ENDPOINT: "silent"}, "S3 endpoint", "accepts and does not answer", "restart it"),
    "no key": ({"AWS_ACCESS_KEY_ID": ""}, "S3 credentials", "is not set", "set AWS_ACCESS_KEY_ID"),
    "wrong key": (
        {"AWS_ACCESS_KEY_ID": "nobody"},
        "S3 credentials",
        "InvalidAccessKeyId",
        "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    ),
    "wrong secret": (
        {"AWS_SECRET_ACCESS_KEY": "not the secret at all"},
        "S3 credentials",
        "SignatureDoesNotMatch",
        "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    ),
    "missing bucket": (
        {"MEMEST_BUCKET": "no-such-bucket"},
        "S3 bucket",
        "'no-such-bucket': NoSuchBucket",
        "make the bucket",
    ),
    "tracking server down": (
        {TRACKING: "down"},
        "tracking server",
        "Connection refused",
        "memest services up",
    ),
    "tracking server silent": (
        {TRACKING: "silent"},
        "tracking server",
        "timed out",
        "correct MLFLOW_TRACKING_URI",
    ),
    "tracking server is a store": (
        {TRACKING: "store"},
        "tracking server",
        "this is no MLflow server",
        "correct MLFLOW_TRACKING_URI",
    ),
    "no password": (
        {TRACKING: "guarded"},
        "tracking server",
        "401: it wants a name and password",
        "MLFLOW_TRACKING_USERNAME",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_doctor_names_the_broken_link(
    case: str,
    client: dict[str, str],
    folder: Folder,
    guarded: Folder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The link, what is wrong with it, and the remedy, within ten seconds, without a secret."""
    change, link, details, remedy = BROKEN[case]
    (closed,), settings = free_ports(1), known(folder)[0]
    with silent() as quiet:
        places = {
            "down": f"http://127.0.0.1:{closed}",
            "silent": address(quiet),
            "store": settings.s3_url,
            "guarded": known(guarded)[0].mlflow_url,
        }
        use({name: places.get(value, value) for name, value in change.items()}, monkeypatch)
        began = time.monotonic()
        code, said = memest("doctor")
    assert time.monotonic() - began < 10
    assert code == 1
    (failed,) = [line for line in said.splitlines() if line.startswith("FAILED")]
    assert failed.startswith(f"FAILED   {link} ")
    assert details in failed
    assert said.splitlines()[-1].startswith(f"remedy for {link}: ")
    assert remedy in said.splitlines()[-1]
    assert not [value for value in known(folder)[1].__dict__.values() if value and value in said]


def test_doctor_sees_a_host_name_that_the_server_refuses(
    client: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name outside `--allowed-hosts` is answered by /health and refused by every real call."""
    port = client[TRACKING].rpartition(":")[2]
    monkeypatch.delenv(ENDPOINT)
    monkeypatch.setenv("HTTP_PROXY", client[TRACKING])  # the name leads nowhere else
    monkeypatch.setenv(TRACKING, f"http://mlflow.example:{port}")
    code, said = memest("doctor")
    assert code == 1
    assert "answers 403: it refuses this host name" in said
    assert "--allowed-hosts" in said


def test_doctor_sees_an_artifact_store_that_refuses(
    folder: Folder, guarded: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client of the direct route without S3 keys: the server answers, and the artifact route is named."""
    monkeypatch.setenv(TRACKING, services.exports(folder)[TRACKING])
    code, said = memest("doctor")
    assert code == 1
    assert said.splitlines()[-1].startswith("remedy for artifact route: set MLFLOW_S3_ENDPOINT_URL")


def test_doctor_names_missing_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not installed is the first broken link; what needs it is skipped, not crashed into."""
    from memest.stages import doctor

    monkeypatch.setattr(doctor, "PACKAGES", ("numpy", "no-such-package"))
    code, said = memest("doctor")
    assert code == 1
    assert "FAILED   packages         not installed: no-such-package" in said
    assert said.splitlines()[-1] == "remedy for packages: pip install 'memest[platform]'"
    assert "skipped  artifact route   needs: packages" in said


def test_no_link_takes_for_ever() -> None:
    """A check that hangs is a finding after its limit, and what hangs on it is skipped."""
    checks = [
        Check("slow", lambda: time.sleep(5) or "late", limit=0.2),
        Check("next", lambda: "fine", needs=("slow",)),
        Check("last", lambda: "fine", needs=("next",)),
    ]
    assert [one.state for one in examine(checks)] == ["FAILED", "skipped", "skipped"]


def test_secrets_are_nowhere(folder: Folder, guarded: Folder) -> None:
    """Not in what the commands have printed so far, not in the logs, not in the names of objects."""
    for one in (folder, guarded):
        for command in ("up", "status"):
            memest("services", command, "--folder", str(one.root))
    said = "".join(SAID)
    for one in (folder, guarded):
        said += "".join(path.read_text() for path in one.root.glob("*.log"))
        said += (one.root / "processes.json").read_text() + (one.root / "settings.json").read_text()
        said += "".join(objects(one))
    hidden = {value for one in (folder, guarded) for value in known(one)[1].__dict__.values() if value}
    assert len(hidden) >= 8
    assert not [value for value in hidden if value in said]
