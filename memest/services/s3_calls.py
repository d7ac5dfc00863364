"""Calls to an S3 store by boto3, as MLflow makes them, with short time limits; each refusal is explained."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from memest.services.links import BrokenLinkError
from memest.services.patience import patient
from memest.services.probes import CONNECT, READ, cause
from memest.services.reach import Reach
from memest.services.s3_errors import RIGHTS, code_of, no_store, refusal
from memest.services.tls import trust

ENDPOINT = "MLFLOW_S3_ENDPOINT_URL"
_ACTS: dict[str, tuple[str, Callable[[Any, dict[str, str], bytes], Any]]] = {
    "written": ("s3:PutObject", lambda client, place, content: client.put_object(**place, Body=content)),
    "read": ("s3:GetObject", lambda client, place, _: client.get_object(**place)["Body"].read()),
    "deleted": ("s3:DeleteObject", lambda client, place, _: client.delete_object(**place)),
}
"""What is done with an object, in turn, and the right that it takes."""


class SlowError(BrokenLinkError):
    """No answer within the time limit."""


def there_and_back(reach: Reach, size: int) -> None:
    """Put an object, get it, compare, delete it.

    Raises:
        BrokenLinkError: one of these is refused, or other bytes come back.
    """
    from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError, ReadTimeoutError

    store, where, content = client(reach), place(reach), secrets.token_bytes(size)
    came = b""
    for what, (right, act) in _ACTS.items():
        try:
            answer = act(store, where, content)
        except ClientError as error:
            raise _refused(error, reach, what, right) from error
        except (ReadTimeoutError, ConnectTimeoutError) as error:
            raise SlowError(
                f"an object of {size} bytes is not {what} within {patient(READ):.0f} s",
                "look at the log of the store; if it is only slow, MEMEST_PATIENCE=5 waits longer",
            ) from error
        except BotoCoreError as error:
            raise BrokenLinkError(
                f"an object cannot be {what} ({cause(error)})", "look at the log of the store"
            ) from error
        came = answer if what == "read" else came
    if came != content:
        raise BrokenLinkError(
            f"{len(content)} bytes came back as {len(came)} others",
            "set AWS_REQUEST_CHECKSUM_CALCULATION=when_required and "
            "AWS_RESPONSE_CHECKSUM_VALIDATION=when_required: the store keeps checksum trailers in the object",
        )


def _refused(error: Any, reach: Reach, what: str, right: str) -> BrokenLinkError:
    if code_of(error) == "AccessDenied":
        return BrokenLinkError(
            f"bucket {reach.bucket!r}: an object cannot be {what}: these keys have no {right} there",
            f"grant {right}; memest needs {RIGHTS}",
        )
    why = refusal(error, reach.s3_url, reach.bucket)
    return BrokenLinkError(f"an object cannot be {what}: {why}", why.remedy)


def place(reach: Reach) -> dict[str, str]:
    """Bucket and key of an object of the doctor's own."""
    return {"Bucket": reach.bucket, "Key": f"memest-doctor/{secrets.token_hex(8)}"}


def listing(reach: Reach) -> Any:
    """The ClientError with which a listing is refused; None: it is allowed."""
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    store = client(reach)
    try:
        if reach.bucket:
            store.list_objects_v2(Bucket=reach.bucket, MaxKeys=1)
        else:
            store.list_buckets()
    except ClientError as error:
        return error
    except ResponseParserError as error:
        raise no_store(reach.s3_url, "") from error
    except BotoCoreError as error:
        raise BrokenLinkError(
            f"{reach.s3_url} does not answer a listing ({cause(error)})", "look at the log of the store"
        ) from error
    return None


def client(reach: Reach) -> Any:
    """The boto3 client of the store."""
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
        verify=trust(reach.s3_url, given),
        config=Config(
            connect_timeout=patient(CONNECT),
            read_timeout=patient(READ),
            retries={"total_max_attempts": 1},
            request_checksum_calculation=given.get("AWS_REQUEST_CHECKSUM_CALCULATION", "when_supported"),
            response_checksum_validation=given.get("AWS_RESPONSE_CHECKSUM_VALIDATION", "when_supported"),
        ),
    )
