"""Real calls that tell whether a server does its work: a port that accepts proves nothing.

Every call has short time limits and no retries.
"""

from __future__ import annotations

import io
import re
import secrets
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

from memest.errors import ServiceError, SettingError, masked
from memest.services.patience import patient
from memest.services.settings import Secrets, Settings

if TYPE_CHECKING:
    from minio import Minio

CONNECT, READ = 3.0, 4.0
_ATTEMPT = secrets.token_hex(8)
"""Names what this process puts into a store: the try that succeeds takes away what earlier ones have left."""
_HOST = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]+)?")


class LoginRefusedError(ServiceError):
    """A server that was started here refuses the administrator's password that was made for it."""


def bucket_client(settings: Settings, secret: Secrets, seconds: float = READ) -> Minio:
    """The `minio` client of the store, which waits `seconds` for an answer, times MEMEST_PATIENCE."""
    from minio import Minio
    from urllib3 import PoolManager, Retry, Timeout

    parts = endpoint_parts(settings.s3_url)
    return Minio(
        parts.netloc,
        access_key=secret.access_key,
        secret_key=secret.secret_key,
        region=settings.region,
        secure=parts.scheme == "https",
        http_client=PoolManager(
            timeout=Timeout(connect=patient(CONNECT), read=patient(seconds)),
            retries=Retry(0),
            ca_certs=settings.ca_bundle or None,
        ),
    )


def endpoint_parts(url: str) -> SplitResult:
    """Scheme, host and port of an S3 endpoint, which has nothing else.

    Raises:
        SettingError: it is no such URL.
    """
    try:
        parts = urlsplit(url)
        plain = parts.geturl().rstrip("/") == f"{parts.scheme}://{parts.netloc}"
        if plain and parts.scheme in ("http", "https") and _HOST.fullmatch(parts.netloc) and parts.port != 0:
            return parts
    except ValueError:  # no port, or no address in brackets
        pass
    raise SettingError(
        f"an S3 endpoint looks like http://127.0.0.1:9000, not {url!r}; it has no path (the bucket goes in "
        "--bucket), and its credentials go in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    )


def make_bucket(settings: Settings, secret: Secrets) -> None:
    """Make the bucket if it is not there, and get an object back as it was put.

    Raises:
        ServiceError: the store does not do that (yet).
    """
    from minio.error import MinioException
    from urllib3.exceptions import HTTPError

    client, content = bucket_client(settings, secret, seconds=2), secrets.token_bytes(4096)
    name = f"memest-up/{_ATTEMPT}"
    try:
        if not client.bucket_exists(settings.bucket):
            client.make_bucket(settings.bucket)
        client.put_object(settings.bucket, name, io.BytesIO(content), len(content))
        with client.get_object(settings.bucket, name) as answer:
            same = answer.data == content
        client.remove_object(settings.bucket, name)
    except (MinioException, HTTPError, OSError, ValueError) as error:
        raise ServiceError(
            f"bucket {settings.bucket} at {settings.s3_url} cannot be used: {cause(error)}; correct the "
            "endpoint, its credentials (AWS_*) or --bucket"
        ) from error
    if not same:
        raise ServiceError(f"{settings.s3_url} gives back other bytes than it was given")


def search_experiments(url: str, login: Any = None, here: bool = False, trusted: str | bool = True) -> Any:
    """The answer of a tracking server to the simplest real question.

    Args:
        login: name and password; None: as requests, and so MLflow, finds them.
        here: the server is on this machine: no proxy is asked, no `.netrc` read.
        trusted: what its certificate is verified with, as requests has it.

    Raises:
        ServiceError: nothing answers within the time limits; its cause is requests' error.
    """
    import requests

    question = f"{url.rstrip('/')}/api/2.0/mlflow/experiments/search"
    try:
        with requests.Session() as session:
            session.trust_env = not here
            limits = patient(CONNECT), patient(READ)
            given = {"params": {"max_results": 1}, "auth": login, "timeout": limits, "verify": trusted}
            return session.get(question, **given)
    except requests.RequestException as error:
        raise ServiceError(cause(error)) from error


def require_tracking(url: str, login: tuple[str, str] | None) -> None:
    """Require that a tracking server that was started here answers a real call.

    Raises:
        LoginRefusedError: its database of users knows another password.
        ServiceError: it does not answer (yet).
    """
    answer = search_experiments(url, login, here=True)
    if answer.status_code == 401 and login:
        raise LoginRefusedError(
            f"refuses the password of {login[0]!r}: auth.db and credentials.json do not belong together; put "
            "back the credentials.json of that auth.db, or remove auth.db (users and their rights are in it)"
        )
    if answer.status_code != 200:
        raise ServiceError(f"{url} answers {answer.status_code}: {masked(answer.text)[:200]}")


def cause(error: BaseException) -> str:
    """What an error goes back to, in a few words: libraries wrap `Connection refused` many times."""
    while error.__context__ is not None:
        error = error.__context__
    text = masked(" ".join(str(error).split()))
    return text[:200] or type(error).__name__
