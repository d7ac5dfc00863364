"""The link to the MLflow server: a real call, and what each way of failing means."""

from __future__ import annotations

from typing import Any

from memest.errors import ServiceError
from memest.services.links import BrokenLinkError, SkippedLinkError
from memest.services.probes import search_experiments
from memest.services.reach import Reach
from memest.services.tls import tls_trouble, trust

TRACKING = "MLFLOW_TRACKING_URI"
_START = (
    "start it (`memest services up`; `memest services status` says how it is), or correct "
    "MLFLOW_TRACKING_URI; if it is only slow, MEMEST_PATIENCE=5 waits five times as long"
)
_LOGIN = (
    "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD; for services started here: "
    'eval "$(memest services env)"'
)


def tracking_answers(reach: Reach) -> str:
    """A search for experiments is answered."""
    url = reach.tracking_uri
    if not url.startswith(("http://", "https://")):
        raise SkippedLinkError(f"{url} needs no server" if url else "MLFLOW_TRACKING_URI is not set")
    try:
        answer = search_experiments(url, reach.login, trusted=_trusted(reach))
    except ServiceError as error:
        raise tls_trouble(url, TRACKING, error) or BrokenLinkError(
            f"nothing answers at {url} ({error})", _START
        ) from error
    if answer.status_code == 400 and (misspoken := tls_trouble(url, TRACKING)):
        raise misspoken
    trouble = _trouble(answer)
    if trouble:
        raise BrokenLinkError(f"{url} answers {answer.status_code}: {trouble[0]}", trouble[1])
    return f"{url} answers in {1000 * answer.elapsed.total_seconds():.0f} ms"


def _trusted(reach: Reach) -> str | bool:
    """As MLflow's client has it: its own variables, else AWS_CA_BUNDLE, else the usual authorities."""
    if reach.environment.get("MLFLOW_TRACKING_INSECURE_TLS", "").lower() in ("true", "1"):
        return False
    return trust(reach.tracking_uri, reach.environment, "MLFLOW_TRACKING_SERVER_CERT_PATH")


def _trouble(answer: Any) -> tuple[str, str] | None:
    """What is wrong with an answer, and the remedy; None: nothing."""
    if answer.status_code == 401:
        return "it wants a name and password, or other ones", _LOGIN
    if "Invalid Host header" in answer.text:
        return (
            "it refuses this host name",
            "start it with --allowed-hosts and the name in MLFLOW_TRACKING_URI",
        )
    if "json" not in answer.headers.get("content-type", ""):
        return "this is no MLflow server", "correct MLFLOW_TRACKING_URI"
    if answer.status_code == 403:
        return "this user may not read here", "ask the administrator of the server for the right to read"
    if answer.status_code != 200:
        return "it has a trouble of its own", "look at the log of the server"
    return None
