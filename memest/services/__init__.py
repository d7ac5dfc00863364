"""Start, stop and check the two servers of the platform: an S3 store and MLflow.

    up(Wanted(store="seaweedfs"), Folder(Path(".memest/services")))

Everything lives under one folder: data, logs, settings, credentials. minio, boto3 and mlflow are imported
where they are used.
"""

from memest.services.artifact_route import artifact_route
from memest.services.clients import exports
from memest.services.decide import Wanted
from memest.services.folder import Folder
from memest.services.links import BrokenLinkError, Check, CheckResult, SkippedLinkError, examine
from memest.services.reach import Reach
from memest.services.s3_links import s3_checks
from memest.services.settings import Secrets, Settings
from memest.services.stack import ServerStatus, down, status, up
from memest.services.tracking_link import tracking_answers

__all__ = [
    "BrokenLinkError",
    "Check",
    "CheckResult",
    "Folder",
    "Reach",
    "Secrets",
    "ServerStatus",
    "Settings",
    "SkippedLinkError",
    "Wanted",
    "artifact_route",
    "down",
    "examine",
    "exports",
    "s3_checks",
    "status",
    "tracking_answers",
    "up",
]
