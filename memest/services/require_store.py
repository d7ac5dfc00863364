"""A store elsewhere, checked as the doctor checks it, before a server is started on it."""

from __future__ import annotations

import os

from memest.errors import ServiceError
from memest.services.clients import s3_environment
from memest.services.links import examine
from memest.services.reach import Reach
from memest.services.s3_links import s3_checks
from memest.services.settings import Secrets, Settings


def require_store(settings: Settings, secret: Secrets) -> None:
    """Make the bucket if it is not there, and get an object back as it was put.

    Raises:
        ServiceError: the store does not do that; which link is broken, and the remedy.
    """
    known = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    reach = Reach("--endpoint", known | s3_environment(settings, secret), settings.bucket)
    for one in examine(s3_checks(reach, make=True)):
        if one.state == "FAILED":
            said = f"{one.name}: {one.details}; {one.remedy}"
            raise ServiceError(secret.hide(reach.hide(said)).replace("MLFLOW_S3_ENDPOINT_URL", "--endpoint"))
