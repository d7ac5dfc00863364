"""The doctor before a platform that works, and before each link that is broken in one way."""

from __future__ import annotations

import importlib
import socket
import time
from pathlib import Path

import pytest
from commands import ENDPOINT, TRACKING, known, memest, objects, use
from links import Link

from memest import services
from memest.services import Check, Folder, examine
from memest.services.patience import patient
from memest.services.ports import free_ports

pytestmark = [pytest.mark.mlflow, pytest.mark.usefixtures("no_settings_inherited")]
ROUTE = importlib.import_module("memest.services.artifact_route")


@pytest.fixture
def client(shared: Folder, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The environment of a client of the direct way, set."""
    return use(services.exports(shared), monkeypatch)


def test_doctor_is_content_with_what_works(client: dict[str, str], shared: Folder) -> None:
    """Every link holds, and nothing of the doctor is left in the bucket."""
    code, said = memest("doctor")
    assert code == 0, said
    assert said.splitlines()[0] == "settings come from the environment"
    states = {line[9:25].strip(): line.split()[0] for line in said.splitlines()[1:]}
    assert states.pop("GPU") in ("ok", "skipped")
    assert set(states.values()) == {"ok"}
    assert len(states) == 8
    assert "slow" not in said or patient(1) > 1
    assert not objects(shared, "memest-doctor/")


def test_doctor_without_servers_says_that_everything_is_local() -> None:
    """Nothing configured: no server is spoken of but to say when one is needed; nothing stays behind."""
    code, said = memest("doctor")
    assert code == 0, said
    lines = said.splitlines()
    assert lines[0] == "no server is configured"
    assert "bytes into a folder and back, the same" in said
    assert lines[-1].startswith("everything is local and fine")
    assert not {"S3", "store", "artifact route", "--artifacts"} & set(said.replace(":", " ").split())
    assert list(Path.cwd().iterdir()) == []


@pytest.mark.parametrize("answer", ["silent", "broken"])
def test_doctor_speaks_of_no_server_where_there_is_none(answer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A local route that is too slow or cannot be written is not blamed on a store or a server."""
    if answer == "silent":
        monkeypatch.setattr(ROUTE, "STANDSTILL", 0.2)
        remedy = "a busy machine has more time with MEMEST_PATIENCE=5"
    else:
        Path("mlflow.db").write_text("no database")
        remedy = "make this folder writable, or set MLFLOW_TRACKING_URI to a server"
    code, said = memest("doctor")
    assert code == 1
    assert said.splitlines()[-1] == f"remedy for local runs: {remedy}"
    assert "--artifacts" not in said


def silent() -> socket.socket:
    """A server that accepts and never answers."""
    return socket.create_server(("127.0.0.1", 0))


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
    "S3 endpoint with a path": (
        {ENDPOINT: "http://127.0.0.1:9000/memest"},
        "S3 endpoint",
        "has a path",
        "cut '/memest' off MLFLOW_S3_ENDPOINT_URL",
    ),
    "S3 endpoint with credentials": (
        {ENDPOINT: "http://ada:hunter2 hunter2@127.0.0.1:9000"},
        "S3 endpoint",
        "holds credentials",
        "they go in AWS_*",
    ),
    "S3 endpoint is MLflow": (
        {ENDPOINT: "mlflow"},
        "S3 credentials",
        "not as an S3 store does",
        "the address of S3 itself",
    ),
    "S3 silent": ({ENDPOINT: "silent"}, "S3 endpoint", "accepts and does not answer", "restart it"),
    "no key": ({"AWS_ACCESS_KEY_ID": ""}, "S3 credentials", "is not set", "set AWS_ACCESS_KEY_ID"),
    "no secret": ({"AWS_SECRET_ACCESS_KEY": ""}, "S3 credentials", "is not set", "AWS_SECRET_ACCESS_KEY"),
    "wrong key": (
        {"AWS_ACCESS_KEY_ID": "nobody"},
        "S3 credentials",
        "does not know this access key",
        "correct AWS_ACCESS_KEY_ID",
    ),
    "wrong secret": (
        {"AWS_SECRET_ACCESS_KEY": "not the secret at all"},
        "S3 credentials",
        "the secret does not fit",
        "correct AWS_SECRET_ACCESS_KEY",
    ),
    "missing bucket": (
        {"MEMEST_BUCKET": "no-such-bucket"},
        "S3 bucket",
        "there is no bucket 'no-such-bucket'",
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
}


@pytest.mark.parametrize("case", BROKEN)
def test_doctor_names_the_broken_link(
    case: str, client: dict[str, str], shared: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The link, what is wrong with it, and the remedy, within ten seconds, without a secret."""
    change, link, details, remedy = BROKEN[case]
    (closed,), settings = free_ports(1), known(shared)[0]
    with silent() as quiet:
        places = {
            "down": f"http://127.0.0.1:{closed}",
            "silent": f"http://127.0.0.1:{quiet.getsockname()[1]}",
            "store": settings.s3_url,
            "mlflow": settings.mlflow_url,
        }
        use({name: places.get(value, value) for name, value in change.items()}, monkeypatch)
        began = time.monotonic()
        code, said = memest("doctor")
    assert time.monotonic() - began < patient(10)
    assert code == 1
    (failed,) = [line for line in said.splitlines() if line.startswith("FAILED")]
    assert failed.startswith(f"FAILED   {link} ")
    assert details in failed
    assert said.splitlines()[-1].startswith(f"remedy for {link}: ")
    assert remedy in said.splitlines()[-1]
    hidden = [value for value in vars(known(shared)[1]).values() if value]
    assert not [value for value in (*hidden, "hunter2") if value in said]


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


def test_doctor_sees_an_artifact_store_that_refuses(shared: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client of the direct way without S3 keys: the server answers, and the artifact route is named."""
    monkeypatch.setenv(TRACKING, services.exports(shared)[TRACKING])
    code, said = memest("doctor")
    assert code == 1
    assert said.splitlines()[-1].startswith("remedy for artifact route: set MLFLOW_S3_ENDPOINT_URL")


def test_a_route_that_is_only_slow_is_not_broken(
    client: dict[str, str], shared: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """15 kB a second to the store: it works, and the doctor says that it is slow and what follows."""
    slow = Link(known(shared)[0].s3_port, slow=15_000)
    use({ENDPOINT: slow.url}, monkeypatch)
    code, said = memest("doctor")
    slow.down()
    assert code == 0, said
    (trip,) = [line for line in said.splitlines() if "S3 round trip" in line]
    assert "500000 bytes take too long: slow, not broken" in trip
    (route,) = [line for line in said.splitlines() if "artifact route" in line]
    assert "slowly" in route
    assert "training does not wait for it" in route


def test_a_route_that_stands_still_is_told_by_its_step(
    client: dict[str, str], shared: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store that falls silent to clients of the direct way, while all else answers: the artifact waits."""
    monkeypatch.setattr(ROUTE, "STANDSTILL", 8.0)
    with silent() as quiet:
        monkeypatch.setattr("memest.stages.doctor.s3_checks", lambda reach: [])
        monkeypatch.setattr("memest.stages.doctor.ROUTE_NEEDS", ("packages", "tracking server"))
        use({ENDPOINT: f"http://127.0.0.1:{quiet.getsockname()[1]}"}, monkeypatch)
        code, said = memest("doctor")
    assert code == 1
    assert "for an artifact of 1000 bytes to go and come back" in said
    assert "the artifact root of the server is a store that does not answer from here" in said


def test_doctor_names_missing_packages(client: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
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
