"""The links to the S3 store, by boto3, as MLflow goes: endpoint, credentials, bucket, round trip."""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from memest.services.links import BrokenLinkError, Check, SkippedLinkError
from memest.services.patience import patient
from memest.services.probes import CONNECT, READ, cause
from memest.services.reach import Reach
from memest.services.s3_calls import ENDPOINT, SlowError, client, listing, place, there_and_back
from memest.services.s3_errors import IDENTITY, RIGHTS, code_of, refusal
from memest.services.tls import tls_trouble, trust

_START = "start it (`memest services up`; `memest services status` says how it is)"
_KEYS = (
    "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY to those of this store; for services started here: "
    'eval "$(memest services env)"'
)
_ONLY_SLOW = "slow, not broken: training does not wait for it, artifacts arrive later"
_SMALL, _LARGE = 1000, 500_000


def s3_checks(reach: Reach, make: bool = False) -> list[Check]:
    """Endpoint, credentials, bucket, round trip, each hanging on the one before.

    Args:
        reach: where the store is, and with which credentials.
        make: make the bucket if it is not there.
    """
    return [
        Check("S3 endpoint", lambda: _endpoint(reach), ("packages",)),
        Check("S3 credentials", lambda: _credentials(reach), ("S3 endpoint",)),
        Check("S3 bucket", lambda: _bucket(reach, make), ("S3 credentials",)),
        Check("S3 round trip", lambda: _round_trip(reach), ("S3 bucket",), limit=30),
    ]


def _endpoint(reach: Reach) -> str:
    """Something that speaks HTTP answers at the address."""
    import requests

    url = _url(reach)
    host, port = _host(url)
    _resolve(host, port)
    trusted = trust(url, reach.environment)
    began = time.perf_counter()
    try:
        answer = requests.get(
            url, timeout=(patient(CONNECT), patient(READ)), allow_redirects=False, verify=trusted
        )
    except requests.ReadTimeout:
        raise BrokenLinkError(
            f"{url} accepts and does not answer within {patient(READ):.0f} s",
            f"look at the log of the store and restart it, or correct the port in {ENDPOINT}; if it is only "
            "slow, MEMEST_PATIENCE=5 waits five times as long",
        ) from None
    except requests.RequestException as error:
        raise tls_trouble(url, ENDPOINT, error) or BrokenLinkError(
            f"nothing answers at {url} ({cause(error)})", f"{_START}, or correct {ENDPOINT}"
        ) from error
    if answer.status_code == 400 and (trouble := tls_trouble(url, ENDPOINT)):
        raise trouble
    return f"{url} answers in {1000 * (time.perf_counter() - began):.0f} ms"


def _url(reach: Reach) -> str:
    if not reach.s3_url:
        raise SkippedLinkError(f"{ENDPOINT} is not set")
    return reach.s3_url


def _host(url: str) -> tuple[str, int]:
    looks = f"{ENDPOINT} looks like http://127.0.0.1:9000"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        host, port = None, None
    if not host or not port:
        raise BrokenLinkError(f"{url!r} is not a URL", looks)
    if "@" in parts.netloc:
        raise BrokenLinkError(f"{url!r} holds credentials", f"{looks}; they go in AWS_*")
    if parts.path.strip("/") or parts.query or parts.fragment:
        extra = url.partition(parts.netloc)[2]
        raise BrokenLinkError(
            f"{url!r} has a path: S3 signs what comes after the host, and its answers will not fit",
            f"cut {extra!r} off {ENDPOINT}; a bucket goes in --bucket or MEMEST_BUCKET",
        )
    return host, port


def _resolve(host: str, port: int) -> None:
    try:
        socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise BrokenLinkError(
            f"no host is called {host!r} ({error.strerror})", f"correct the host name in {ENDPOINT}"
        ) from error


def _credentials(reach: Reach) -> str:
    """The store knows the key, the secret and the time."""
    _url(reach)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        if not reach.environment.get(name):
            raise BrokenLinkError(f"{name} is not set", _KEYS)
    error = listing(reach)
    if error is not None and (code_of(error) in IDENTITY or code_of(error).isdigit()):
        raise refusal(error, reach.s3_url)
    return "accepted"


def _bucket(reach: Reach, make: bool) -> str:
    """The bucket is there and may be listed."""
    _url(reach)
    if not reach.bucket:
        raise SkippedLinkError("name one with --bucket or MEMEST_BUCKET")
    error = listing(reach)
    code = code_of(error) if error is not None else ""
    if code == "AccessDenied":
        raise _not_listed(reach, error)
    if code == "NoSuchBucket" and make:
        return _made(reach)
    if code:
        raise refusal(error, reach.s3_url, reach.bucket)
    return reach.bucket


def _not_listed(reach: Reach, error: Any) -> BrokenLinkError:
    """Why a listing is denied: keys that may do other things there, or nothing; or no bucket at all."""
    from botocore.exceptions import ClientError

    store, where = client(reach), place(reach)
    try:
        store.put_object(**where, Body=b"memest doctor")
    except ClientError as refused:
        if code_of(refused) == "NoSuchBucket":
            return refusal(refused, reach.s3_url, reach.bucket)
        return BrokenLinkError(
            f"bucket {reach.bucket!r}: {reach.s3_url} knows these keys and lets them neither list nor write "
            f"there: it is not there, or not for them{_others(store)}",
            f"correct --bucket or MEMEST_BUCKET, or have these keys granted {RIGHTS}",
        )
    with suppress(ClientError):  # the listing comes first
        store.delete_object(**where)
    return BrokenLinkError(
        f"bucket {reach.bucket!r}: these keys may write there and may not list it",
        "grant s3:ListBucket on the bucket: MLflow lists a run's artifacts",
    )


def _others(store: Any) -> str:
    """The buckets that these keys see, in words; empty: they may not ask."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        names = [one["Name"] for one in store.list_buckets()["Buckets"]]
    except (BotoCoreError, ClientError):
        return ""
    shown = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
    return f" (they see {shown or 'no bucket'})"


def _made(reach: Reach) -> str:
    from botocore.exceptions import ClientError

    region = reach.environment.get("AWS_DEFAULT_REGION", "us-east-1")
    where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    try:
        client(reach).create_bucket(Bucket=reach.bucket, **where)
    except ClientError as error:
        raise BrokenLinkError(
            f"there is no bucket {reach.bucket!r}, and it cannot be made: {refusal(error, reach.s3_url)}",
            "have it made by who runs the store, or correct --bucket",
        ) from error
    return f"{reach.bucket}, made"


def _round_trip(reach: Reach) -> str:
    """A small object comes back as it went, then half a megabyte."""
    if not (reach.s3_url and reach.bucket):
        raise SkippedLinkError("no store and bucket to try it on")
    began = time.perf_counter()
    there_and_back(reach, _SMALL)
    took = time.perf_counter() - began
    try:
        there_and_back(reach, _LARGE)
    except SlowError:
        return f"{_SMALL} bytes, the same, in {took:.1f} s; {_LARGE} bytes take too long: {_ONLY_SLOW}"
    return f"{_LARGE} bytes, the same, in {1000 * (time.perf_counter() - began - took):.0f} ms"
