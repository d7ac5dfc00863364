"""The environment of those who use the services: MLflow's server, and clients."""

from __future__ import annotations

from memest.errors import InputError
from memest.services.environment import past_proxies
from memest.services.folder import Folder
from memest.services.settings import Secrets, Settings

ADMIN = "admin"
"""Name of the administrator that `--auth true` makes."""


def s3_environment(settings: Settings, secret: Secrets) -> dict[str, str]:
    """What boto3, and MLflow through it, needs to reach the store.

    Newer boto3 adds checksum trailers by itself, which some S3 servers keep inside the object.
    """
    found = {
        "MLFLOW_S3_ENDPOINT_URL": settings.s3_url,
        "AWS_ACCESS_KEY_ID": secret.access_key,
        "AWS_SECRET_ACCESS_KEY": secret.secret_key,
        "AWS_DEFAULT_REGION": settings.region,
        "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
        "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",
    }
    return found | ({"AWS_CA_BUNDLE": settings.ca_bundle} if settings.ca_bundle else {})


def exports(folder: Folder) -> dict[str, str]:
    """The environment of a client; it holds secrets.

    Raises:
        InputError: nothing was set up in this folder.
    """
    settings, secret = folder.settings(), folder.secrets()
    if settings is None or secret is None:
        raise InputError(f"no services were set up in {folder.root}; start them with `memest services up`")
    found = {"MLFLOW_TRACKING_URI": settings.mlflow_url}
    if settings.auth:
        found |= {"MLFLOW_TRACKING_USERNAME": ADMIN, "MLFLOW_TRACKING_PASSWORD": secret.admin_password}
    if settings.artifacts == "direct":
        found |= s3_environment(settings, secret) | {"MEMEST_BUCKET": settings.bucket}
    return found | past_proxies()
