"""The links to the S3 store, by boto3, as MLflow goes: endpoint, credentials, bucket, round trip."""

from __future__ import annotations

import secrets
import socket
import time
from typing import Any
from urllib.parse import urlsplit

from memest.services.links import BrokenLinkError, Check, SkippedLinkError
from memest.services.probes import CONNECT, READ, cause
from memest.services.reach import Reach

_NAME = "MLFLOW_S3_ENDPOINT_URL"
_START = "start it (`memest services up`; `memest services status` says how it is)"
_KEYS = (
    "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY to those of this store; for services started here: "
    'eval "$(memest services env)"'
)
_REFUSED = ("InvalidAccessKeyId", "SignatureDoesNotMatch", "AccessDenied", "InvalidToken", "ExpiredToken")


def s3_checks(reach: Reach) -> list[Check]:
    """Endpoint, credentials, bucket, round trip, each hanging on the one before."""
    return [
        Check("S3 endpoint", lambda: _endpoint(reach), ("packages",)),
        Check("S3 credentials", lambda: _credentials(reach), ("S3 endpoint",)),
        Check("S3 bucket", lambda: _bucket(reach), ("S3 credentials",)),
        Check("S3 round trip", lambda: _round_trip(reach), ("S3 bucket",)),
    ]


def _endpoint(reach: Reach) -> str:
    """Something that speaks HTTP answers at the address."""
    import requests

    url = _url(reach)
    host, port = _host(url)
    _resolve(host, port)
    began = time.perf_counter()
    try:
        requests.get(url, timeout=(CONNECT, READ), allow_redirects=False)
    except requests.ReadTimeout:
        raise BrokenLinkError(
            f"{url} accepts and does not answer within {READ:.0f} s",
            f"look at the log of the store and restart it, or correct the port in {_NAME}",
        ) from None
    except requests.RequestException as error:
        raise BrokenLinkError(
            f"nothing answers at {url} ({cause(error)})", f"{_START}, or correct MLFLOW_S3_ENDPOINT_URL"
        ) from error
    return f"{url} answers in {1000 * (time.perf_counter() - began):.0f} ms"


def _url(reach: Reach) -> str:
    if not reach.s3_url:
        raise SkippedLinkError(f"{_NAME} is not set")
    return reach.s3_url


def _host(url: str) -> tuple[str, int]:
    try:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and parts.hostname:
            return parts.hostname, parts.port or {"http": 80, "https": 443}[parts.scheme]
    except ValueError:
        pass
    raise BrokenLinkError(f"{url!r} is not a URL", f"{_NAME} looks like http://127.0.0.1:9000")


def _resolve(host: str, port: int) -> None:
    try:
        socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise BrokenLinkError(
            f"no host is called {host!r} ({error.strerror})", f"correct the host name in {_NAME}"
        ) from error


def _credentials(reach: Reach) -> str:
    """The store knows the key and the secret."""
    _url(reach)
    if not reach.environment.get("AWS_ACCESS_KEY_ID"):
        raise BrokenLinkError("AWS_ACCESS_KEY_ID is not set", _KEYS)
    code = _listing(reach)
    if code in _REFUSED:
        raise BrokenLinkError(f"{reach.s3_url} refuses the credentials: {code}", _KEYS)
    return "accepted"


def _bucket(reach: Reach) -> str:
    _url(reach)
    if not reach.bucket:
        raise SkippedLinkError("name one with --bucket or MEMEST_BUCKET")
    code = _listing(reach)
    if code:
        raise BrokenLinkError(
            f"bucket {reach.bucket!r}: {code}",
            "correct --bucket or MEMEST_BUCKET, or make the bucket; `memest services up` makes its own",
        )
    return reach.bucket


def _round_trip(reach: Reach) -> str:
    """Half a megabyte comes back as it went."""
    from botocore.exceptions import BotoCoreError, ClientError

    if not (reach.s3_url and reach.bucket):
        raise SkippedLinkError("no store and bucket to try it on")
    client, content = _client(reach), secrets.token_bytes(500_000)
    place = {"Bucket": reach.bucket, "Key": f"memest-doctor/{secrets.token_hex(8)}"}
    began = time.perf_counter()
    try:
        client.put_object(**place, Body=content)
        came = client.get_object(**place)["Body"].read()
        client.delete_object(**place)
    except (BotoCoreError, ClientError) as error:
        raise BrokenLinkError(
            f"an object cannot be written, read and deleted ({cause(error)})",
            "give these credentials read, write and delete on the bucket; look for a full disk at the store",
        ) from error
    if came != content:
        raise BrokenLinkError(
            f"{len(content)} bytes came back as {len(came)} others",
            "set AWS_REQUEST_CHECKSUM_CALCULATION=when_required and "
            "AWS_RESPONSE_CHECKSUM_VALIDATION=when_required: the store keeps checksum trailers in the object",
        )
    return f"{len(content)} bytes, the same, in {1000 * (time.perf_counter() - began):.0f} ms"


def _listing(reach: Reach) -> str:
    """What the store says to a listing: an error code, or nothing if it is allowed."""
    from botocore.exceptions import ClientError

    client = _client(reach)
    try:
        if reach.bucket:
            client.list_objects_v2(Bucket=reach.bucket, MaxKeys=1)
        else:
            client.list_buckets()
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return ""


def _client(reach: Reach) -> Any:
    import boto3
    from botocore.config import Config

    given = reach.environment
    return boto3.client(
        "s3",
        endpoint_url=reach.s3_url,
        aws_access_key_id=given["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=given.get("AWS_SECRET_ACCESS_KEY", ""),
        aws_session_token=given.get("AWS_SESSION_TOKEN"),
        region_name=given.get("AWS_DEFAULT_REGION") or given.get("AWS_REGION") or "us-east-1",
        config=Config(
            connect_timeout=CONNECT,
            read_timeout=READ,
            retries={"total_max_attempts": 1},
            request_checksum_calculation=given.get("AWS_REQUEST_CHECKSUM_CALCULATION", "when_supported"),
            response_checksum_validation=given.get("AWS_RESPONSE_CHECKSUM_VALIDATION", "when_supported"),
        ),
    )
