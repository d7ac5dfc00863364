"""How a client reaches the platform: what its environment says, else what was set up in the folder.

Never a mixture: a tracking server from one place and a store from the other do not belong together.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from memest.errors import masked
from memest.services.clients import exports, s3_environment
from memest.services.folder import Folder
from memest.services.settings import passwords

_DECIDES = ("MLFLOW_TRACKING_URI", "MLFLOW_S3_ENDPOINT_URL")
_HIDDEN = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN")


@dataclass(frozen=True)
class Reach:
    """Where the servers are and with which credentials.

    Attributes:
        source: where this was read, for people; empty: nothing is configured.
        environment: the variables that boto3 and MLflow read.
        bucket: empty: not known.
    """

    source: str
    environment: Mapping[str, str]
    bucket: str = ""

    @classmethod
    def find(cls, folder: Folder) -> Reach:
        """From the environment if it names a server, else from the folder, else nothing."""
        if any(os.environ.get(name) for name in _DECIDES):
            return cls("the environment", dict(os.environ), os.environ.get("MEMEST_BUCKET", ""))
        settings, secret = folder.settings(), folder.secrets()
        if settings is None or secret is None:
            return cls("", dict(os.environ))
        known = s3_environment(settings, secret) | exports(folder)
        return cls(str(folder.root), dict(os.environ) | known, settings.bucket)

    @property
    def tracking_uri(self) -> str:
        """Empty: not set."""
        return self.environment.get("MLFLOW_TRACKING_URI", "")

    @property
    def s3_url(self) -> str:
        """Empty: not set."""
        return self.environment.get("MLFLOW_S3_ENDPOINT_URL", "")

    @property
    def local(self) -> bool:
        """Whether no server is named: runs go to a SQLite file, artifacts to a folder."""
        return not self.s3_url and not self.tracking_uri.startswith(("http://", "https://"))

    @property
    def login(self) -> tuple[str, str] | None:
        """Name and password for the tracking server, if there are any."""
        name = self.environment.get("MLFLOW_TRACKING_USERNAME")
        return (name, self.environment.get("MLFLOW_TRACKING_PASSWORD", "")) if name else None

    def hide(self, text: str) -> str:
        """`text` without secrets: those known, and passwords inside URLs."""
        known = [self.environment.get(name) for name in _HIDDEN]
        for value in (*known, *passwords(self.tracking_uri), *passwords(self.s3_url)):
            text = text.replace(value, "***") if value else text
        return masked(text)
