"""How the MLflow server is started, as a process of its own."""

from __future__ import annotations

import sys

from memest.services.clients import ADMIN, s3_environment
from memest.services.databases import RUNS, USERS
from memest.services.environment import without
from memest.services.folder import Folder
from memest.services.process import Launch
from memest.services.settings import Secrets, Settings


def mlflow_server(settings: Settings, secret: Secrets, folder: Folder) -> Launch:
    """`mlflow server` on the database of the folder or the one given, with its artifacts in the bucket."""
    command = [
        *(sys.executable, "-m", "mlflow", "server"),
        *("--host", settings.host, "--port", str(settings.mlflow_port)),
        *("--workers", str(settings.workers), "--uvicorn-opts", "--no-access-log"),
        *_artifacts(settings),
    ]
    command += _names(settings.allowed_hosts)
    environment = without() | s3_environment(settings, secret)
    environment |= {
        "MLFLOW_BACKEND_STORE_URI": secret.backend or f"sqlite:///{folder.path(RUNS)}",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # it would start further processes, for evaluations
    }
    if settings.auth:
        command += ["--app-name", "basic-auth"]
        environment |= _auth(secret, folder)
    return Launch(command, environment)


def _names(allowed: str) -> list[str]:
    """By which names the server may be called, and its pages may call it back, on any port.

    MLflow's own list is replaced by the one given, so this machine is put back into it; and without the
    origins a browser elsewhere gets the pages and is refused everything in them.
    """
    given = [name.strip() for name in allowed.split(",") if name.strip()]
    if not given:
        return []
    hosts = [f"{name}{port}" for name in (*given, "localhost", "127.0.0.1") for port in ("", ":*")]
    origins = [f"{scheme}://{host}" for host in hosts for scheme in ("http", "https")]
    return ["--allowed-hosts", ",".join(hosts), "--cors-allowed-origins", ",".join(origins)]


def _artifacts(settings: Settings) -> list[str]:
    """They are served in both ways: an experiment that was made for the proxied one stays usable."""
    bucket = f"s3://{settings.bucket}"
    served = ["--serve-artifacts", "--artifacts-destination", bucket]
    return served if settings.artifacts == "proxied" else [*served, "--default-artifact-root", bucket]


def _auth(secret: Secrets, folder: Folder) -> dict[str, str]:
    """Passwords are checked once in 30 s a user, not at every call: 5 ms instead of 150 each."""
    database = str(folder.path(USERS)).replace("%", "%%")
    config = (
        "[mlflow]\n"
        "default_permission = READ\n"
        f"database_uri = sqlite:///{database}\n"
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
        "auth_cache_ttl_seconds = 30\n"
    )
    return {
        "MLFLOW_AUTH_CONFIG_PATH": str(folder.write("auth.ini", config)),
        "MLFLOW_AUTH_ADMIN_USERNAME": ADMIN,
        "MLFLOW_AUTH_ADMIN_PASSWORD": secret.admin_password,
        "MLFLOW_FLASK_SERVER_SECRET_KEY": secret.session_key,
    }
