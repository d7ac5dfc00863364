"""What each refusal of an S3 store means, and the remedy: no two causes share a diagnosis."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from memest.services.links import BrokenLinkError

RIGHTS = "s3:ListBucket on the bucket; s3:GetObject, s3:PutObject and s3:DeleteObject on its objects"
_HERE = '; for services started here: eval "$(memest services env)"'
_UNKNOWN = "it does not know this access key", f"correct AWS_ACCESS_KEY_ID{_HERE}"
_MEANS = {
    "InvalidAccessKeyId": _UNKNOWN,
    "XAdminUserNotFound": _UNKNOWN,
    "SignatureDoesNotMatch": (
        "the secret does not fit the access key",
        f"correct AWS_SECRET_ACCESS_KEY{_HERE}; if it is right, a proxy in between changes what is signed",
    ),
    "RequestTimeTooSkewed": (
        "{clocks}",
        "set the clock of the machine that is wrong (NTP): S3 refuses a request that is 15 minutes off",
    ),
    "ExpiredToken": ("AWS_SESSION_TOKEN has expired", "get new temporary credentials"),
    "InvalidToken": (
        "it does not accept AWS_SESSION_TOKEN",
        "unset it, unless the store gave it to you together with these keys",
    ),
    "AuthorizationHeaderMalformed": ("another region is expected: {message}", "set AWS_DEFAULT_REGION to it"),
    "NoSuchBucket": (
        "there is no bucket {bucket!r}",
        "correct --bucket or MEMEST_BUCKET, or make the bucket (`memest services up` makes its own)",
    ),
    "InvalidBucketName": ("{bucket!r} is no name of a bucket", "correct --bucket or MEMEST_BUCKET"),
    "AccessDenied": ("it knows these keys, and they may not do that: {message}", f"grant {RIGHTS}"),
    "SlowDown": ("it has too much to do", "wait, then try again"),
    "ServiceUnavailable": ("it is in trouble of its own", "look at the log of the store, and at its disk"),
    "InternalError": ("it is in trouble of its own", "look at the log of the store, and at its disk"),
    "XMinioStorageFull": ("its disk is full", "make room on the disk of the store"),
}
IDENTITY = (
    "InvalidAccessKeyId",
    "XAdminUserNotFound",
    "SignatureDoesNotMatch",
    "RequestTimeTooSkewed",
    "ExpiredToken",
    "InvalidToken",
    "AuthorizationHeaderMalformed",
)
"""Refusals of the credentials, whatever the request."""


def code_of(error: Any) -> str:
    """The code of a botocore ClientError: a word, or the HTTP status where the answer had no word."""
    return str(error.response["Error"].get("Code", ""))


def refusal(error: Any, url: str, bucket: str = "") -> BrokenLinkError:
    """What a botocore ClientError means, for people."""
    code, message = code_of(error), str(error.response["Error"].get("Message", ""))
    if code.isdigit():
        return no_store(url, code)
    what, remedy = _MEANS.get(code, ("{message}", "look at the log of the store"))
    words = what.format(message=message, bucket=bucket, clocks=_clocks(error))
    return BrokenLinkError(f"{url} refuses ({code}): {words}", remedy)


def no_store(url: str, code: str) -> BrokenLinkError:
    """Something else than an S3 store answers."""
    return BrokenLinkError(
        f"{url} answers{' ' * bool(code)}{code}, and not as an S3 store does",
        "correct MLFLOW_S3_ENDPOINT_URL: the address of S3 itself, not of a web console, a proxy or MLflow",
    )


def utc_now() -> datetime:
    """This machine's clock."""
    return datetime.now(UTC)


def _clocks(error: Any) -> str:
    """How far this machine's clock is from that of the store, which says its time in every answer."""
    here = utc_now()
    try:
        there = parsedate_to_datetime(error.response["ResponseMetadata"]["HTTPHeaders"]["date"])
        apart = abs((here - there).total_seconds()) / 60
    except (KeyError, TypeError, ValueError):
        return f"the clocks are too far apart; here it is {here:%Y-%m-%d %H:%M} UTC"
    return (
        f"the clocks are {apart:.0f} minutes apart: here it is {here:%Y-%m-%d %H:%M} UTC, there {there:%H:%M}"
        if apart >= 1
        else "the clock of this request is too far from the store's"
    )
