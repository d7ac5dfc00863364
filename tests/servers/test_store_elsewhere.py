"""A store that somebody else runs: users with few rights, clocks, TLS; by the doctor and `up --endpoint`."""

from __future__ import annotations

import datetime
import io
import os
import ssl
from collections.abc import Iterator
from pathlib import Path

import botocore.auth
import pytest
from certificates import server_context
from commands import ENDPOINT, TRACKING, known, memest, use
from links import Link
from real_servers import RIGHTS as NEEDED
from real_servers import store_with_a_policy, store_with_users, with_tables

from memest import services
from memest.services import Folder, Reach, Secrets, Settings, Wanted, examine, s3_checks, s3_errors
from memest.services.databases import RUNS
from memest.services.s3_calls import client
from memest.services.s3_errors import RIGHTS

pytestmark = [pytest.mark.mlflow, pytest.mark.usefixtures("no_settings_inherited")]
Store = tuple[Settings, dict[str, Secrets]]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A real store with users of few rights."""
    with store_with_users(tmp_path_factory.mktemp("users")) as found:
        yield found


CASES = {
    "wrong secret": ("admin", "memest", "S3 credentials", "the secret does not fit", "AWS_SECRET_ACCESS_KEY"),
    "unknown key": ("nobody", "memest", "S3 credentials", "does not know this access key", "_KEY_ID"),
    "clocks apart": ("admin", "memest", "S3 credentials", "the clocks are 40 minutes apart", "set the clock"),
    "no right to list": ("no-list", "memest", "S3 bucket", "may not list it", "grant s3:ListBucket"),
    "no right to write": ("read-only", "memest", "S3 round trip", "have no s3:PutObject", RIGHTS),
    "bucket of others": ("stranger", "memest", "S3 bucket", "it is not there, or not for them", RIGHTS),
    "no bucket, few rights": ("read-only", "nowhere", "S3 bucket", "(they see memest)", "correct --bucket"),
}
"""User, bucket, and what must be said: the link, what is wrong, the remedy."""


@pytest.fixture
def behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process's clock is 40 minutes behind."""
    late, signed = datetime.timedelta(minutes=40), botocore.auth.get_current_datetime
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda *given: signed(*given) - late)
    now = s3_errors.utc_now
    monkeypatch.setattr(s3_errors, "utc_now", lambda: now() - late)


@pytest.mark.parametrize("command", ["doctor", "up"])
@pytest.mark.parametrize("case", CASES)
def test_each_cause_has_its_own_diagnosis(
    case: str,
    command: str,
    store: Store,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By the real store's own refusals: the doctor and `up --endpoint` say the same of the same cause."""
    user, bucket, link, details, remedy = CASES[case]
    if case == "clocks apart":
        request.getfixturevalue("behind")
    wrong = "of somebody else" if case == "wrong secret" else ""
    said = refused(command, store, user, bucket, monkeypatch, wrong)
    assert said.startswith(f"memest: {link}: ") if command == "up" else f"remedy for {link}: " in said
    assert details in said
    assert remedy in said


@pytest.mark.parametrize(("command", "remedy"), [("doctor", "make the bucket"), ("up", "have it made")])
def test_a_missing_bucket_is_named_to_a_user_of_few_rights(
    command: str, remedy: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One who has rights on it and may not make it: that it is not there, not that access is denied."""
    said = refused(command, store, "elsewhere", "absent", monkeypatch)
    assert "there is no bucket 'absent'" in said
    assert remedy in said


def refused(
    command: str, store: Store, user: str, bucket: str, monkeypatch: pytest.MonkeyPatch, secret: str = ""
) -> str:
    """What the doctor or `up --endpoint` says, with exit code 1, no secret, and nothing set up."""
    settings, keys = store
    secret = secret or keys.get(user, Secrets()).secret_key
    use({"AWS_ACCESS_KEY_ID": user, "AWS_SECRET_ACCESS_KEY": secret}, monkeypatch)
    if command == "doctor":
        use({ENDPOINT: settings.s3_url, "MEMEST_BUCKET": bucket}, monkeypatch)
        code, said = memest("doctor")
    else:
        code, said = memest("services", "up", "--endpoint", settings.s3_url, "--bucket", bucket)
        assert Folder(Path(".memest/services")).settings() is None
    assert code == 1
    assert secret not in said
    return said


def test_the_documented_rights_are_enough(
    store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """To read, list and write the bucket, on a store that knows no finer rights: `up`, train, score."""
    settings, keys = store
    use({"AWS_ACCESS_KEY_ID": "team", "AWS_SECRET_ACCESS_KEY": keys["team"].secret_key}, monkeypatch)
    own = Folder(tmp_path / "services")
    with_tables(own.path(RUNS))
    try:
        services.up(Wanted(endpoint=settings.s3_url, bucket="memest", workers=1), own)
        use(services.exports(own), monkeypatch)
        monkeypatch.setattr("boto3.DEFAULT_SESSION", None)
        code, said = memest("train", "--limit", "100", "--epochs", "1", "--experiment", "team")
        assert code == 0, said
        run = said.split("run ")[-1].split()[0]
        code, said = memest("score", "--run", run, "--scores", "input_gradient")
        assert code == 0, said
    finally:
        services.down(own, grace=0.5)


@pytest.fixture(scope="module")
def fine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A real store whose users have exactly the rights that a policy of the bucket names."""
    with store_with_a_policy(tmp_path_factory.mktemp("policy")) as found:
        yield found


@pytest.mark.parametrize("right", ["", *NEEDED])
def test_every_right_is_needed_and_no_more(
    right: str, fine: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Where each right is granted by itself: with the four, store and parts of large files work; less one,
    the doctor's check names it.
    """
    settings, keys = fine
    user = f"no-{right}" if right else "team"
    use({"AWS_ACCESS_KEY_ID": user, "AWS_SECRET_ACCESS_KEY": keys[user].secret_key}, monkeypatch)
    use({ENDPOINT: settings.s3_url, "MEMEST_BUCKET": "memest"}, monkeypatch)
    reach = Reach.find(Folder(tmp_path / "none"))
    found = examine(s3_checks(reach))
    remedies = [one.remedy for one in found if one.state == "FAILED"]
    assert [remedy.partition(";")[0].split()[:2] for remedy in remedies] == (
        [["grant", f"s3:{right}"]] if right else []
    )
    if not right:
        store, large = client(reach), os.urandom(20_000_000)
        store.upload_fileobj(io.BytesIO(large), "memest", "large")
        assert store.get_object(Bucket="memest", Key="large")["Body"].read() == large


def test_no_two_causes_share_a_diagnosis() -> None:
    """The table above: what is said of one is said of no other."""
    said = [details for _, _, _, details, _ in CASES.values()]
    assert len(set(said)) == len(said)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, str]:
    """A server's certificate, and the file of the authority that signed it."""
    folder = tmp_path_factory.mktemp("authority")
    return server_context(folder), str(folder / "ca.pem")


TLS = {
    "http on a TLS port": ("http", True, "this port speaks https", "write https:// in {name}"),
    "https on a plain port": ("https", False, "does not speak https", "write http:// in {name}"),
    "an unknown authority": ("https", True, "signed by nobody who is trusted here", "set AWS_CA_BUNDLE"),
}


@pytest.mark.parametrize("name", [ENDPOINT, TRACKING])
@pytest.mark.parametrize("case", TLS)
def test_http_and_https_that_do_not_fit_are_named(
    case: str,
    name: str,
    shared: Folder,
    certificate: tuple[ssl.SSLContext, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """At the store and at the tracking server alike: what the port speaks, and what to write where."""
    scheme, encrypted, details, remedy = TLS[case]
    settings = known(shared)[0]
    port = settings.s3_port if name == ENDPOINT else settings.mlflow_port
    link = Link(port, tls=certificate[0] if encrypted else None)
    use(services.exports(shared) | {name: f"{scheme}://127.0.0.1:{link.port}"}, monkeypatch)
    code, said = memest("doctor")
    link.down()
    assert code == 1
    assert details in said
    assert remedy.format(name=name) in said.splitlines()[-1]


@pytest.mark.parametrize(
    ("address", "days", "details"),
    [("127.0.0.2", 1, "is for another name"), ("127.0.0.1", -1, "is not valid today")],
)
def test_certificates_that_do_not_fit_are_named(
    address: str, days: int, details: str, shared: Folder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Another name, or another time: said as such, though its authority is trusted."""
    link = Link(known(shared)[0].s3_port, tls=server_context(tmp_path, address, days))
    bundle = {"AWS_CA_BUNDLE": str(tmp_path / "ca.pem"), ENDPOINT: link.url}
    use(services.exports(shared) | bundle, monkeypatch)
    code, said = memest("doctor")
    link.down()
    assert code == 1
    assert details in said


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_bundle_that_is_none_is_named(
    content: str | None, shared: Folder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """AWS_CA_BUNDLE without a file, or with other things in it: said by doctor and `up`, not tried."""
    bundle = tmp_path / "ca.pem"
    if content:
        bundle.write_text(content)
    given = services.exports(shared) | {"AWS_CA_BUNDLE": str(bundle), ENDPOINT: "https://127.0.0.1:9"}
    use(given, monkeypatch)
    assert f"AWS_CA_BUNDLE={bundle}: " in memest("doctor")[1]
    code, said = memest("services", "up", "--endpoint", given[ENDPOINT])
    assert (code, said.startswith(f"memest: AWS_CA_BUNDLE={bundle}: ")) == (2, True)


def test_one_setting_makes_an_authority_trusted(
    shared: Folder,
    certificate: tuple[ssl.SSLContext, str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """AWS_CA_BUNDLE alone: `up`, the MLflow server, `train` and the doctor reach store and server by TLS."""
    settings, secret = known(shared)
    context, bundle = certificate
    store = Link(settings.s3_port, tls=context)
    own = Folder(tmp_path / "services")
    with_tables(own.path(RUNS))
    given = {"AWS_ACCESS_KEY_ID": secret.access_key, "AWS_SECRET_ACCESS_KEY": secret.secret_key}
    use(given | {"AWS_CA_BUNDLE": bundle}, monkeypatch)
    services.up(Wanted(endpoint=store.url, bucket="trusted", workers=1), own)
    server = Link(known(own)[0].mlflow_port, tls=context)
    try:
        monkeypatch.delenv("AWS_CA_BUNDLE")
        exported = services.exports(own)
        assert exported["AWS_CA_BUNDLE"] == bundle
        use(exported | {TRACKING: server.url}, monkeypatch)
        monkeypatch.setattr("boto3.DEFAULT_SESSION", None)
        monkeypatch.delenv("MLFLOW_TRACKING_SERVER_CERT_PATH", raising=False)
        code, said = memest("train", "--limit", "100", "--epochs", "1", "--experiment", "by TLS")
        assert code == 0, said
        code, said = memest("doctor")
        assert code == 0, said
        assert "bytes into s3 and back" in said
    finally:
        services.down(own, grace=0.5)
        monkeypatch.delenv("MLFLOW_TRACKING_SERVER_CERT_PATH", raising=False)
