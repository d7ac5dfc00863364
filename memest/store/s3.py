"""Time limits of this process's S3 clients. The one module of `store` that imports botocore and boto3.

MLflow makes its S3 client from boto3's default session and sets no limits: a store that accepts and never
answers would hold a call for a minute, five times over. No environment variable sets a read limit, but the
defaults of the session do, and MLflow's settings are merged over them.
"""

from __future__ import annotations

from functools import cache

CONNECT_SECONDS = 5
ANSWER_SECONDS = 20
ATTEMPTS = 2


@cache
def limit_waiting() -> None:
    """Let no S3 call of this process wait longer than 5 s for a connection, 20 s for an answer, twice."""
    import boto3
    import botocore.session
    from botocore.config import Config

    session = botocore.session.get_session()
    session.set_default_client_config(
        Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=ANSWER_SECONDS,
            retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
        )
    )
    boto3.setup_default_session(botocore_session=session)
