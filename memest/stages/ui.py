"""Show an experiment in MLflow's UI, ready to compare: at its server, or one started here."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import webbrowser
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from memest.errors import ServiceError
from memest.grammar.config import option
from memest.grammar.values import Within
from memest.output import say
from memest.runs.config import EXPERIMENT
from memest.services.patience import patient
from memest.services.ports import free_ports, require_free
from memest.services.probes import require_tracking
from memest.services.process import last_lines
from memest.sweep.console import Console
from memest.tracking import bare, connect, existing_experiment, experiment_name, home, server_uri
from memest.tracking.view import link

_HOST = "127.0.0.1"
_QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
_STARTS = 60.0
"""Seconds in which a server must answer."""


@dataclass(frozen=True)
class UiConfig:
    """What the page can be told."""

    experiment: str = EXPERIMENT
    tracking: str = option("auto", "MLflow tracking URI; auto: MLFLOW_TRACKING_URI, else sqlite", shown="URI")
    port: Annotated[int, Within(0, 65535)] = option(5000, "of a server for a database; 0: a free one")
    open: bool = option(False, "open the page in a browser")


def ui(config: UiConfig) -> str:
    """Say where the page is; of a database, serve it until Ctrl-C.

    Raises:
        InputError: there is no such server or database, or the port is taken.
        ServiceError: the server ends by itself, or does not answer in time.
    """
    uri = server_uri(config.tracking)
    client = connect(uri, existing=True)
    experiment = existing_experiment(client, experiment_name(config.experiment, uri))
    if uri.startswith(("http://", "https://")):
        return _shown(link(uri, experiment), config.open)
    port = config.port or free_ports(1)[0]
    require_free(port, _HOST, "--port")
    log = home() / "ui.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", uri]
    command += ["--host", _HOST, "--port", str(port), "--workers", "1"]
    Console(sys.stderr).say([f"starting MLflow on {bare(uri)}; this takes some seconds"])
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=os.environ | _QUIET)
    try:
        address = f"http://{_HOST}:{port}"
        _await(process, address, log)
        say(f"{_shown(link(address, experiment), config.open)}\nCtrl-C ends it")
        process.wait()
    except KeyboardInterrupt:
        return "ended"
    finally:
        process.terminate()
        process.wait()
    raise ServiceError("the MLflow server ended by itself", last_lines(log))


def _await(process: subprocess.Popen[bytes], address: str, log: Path) -> None:
    deadline = time.monotonic() + patient(_STARTS)
    while True:
        try:
            return require_tracking(address, None)
        except ServiceError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise ServiceError(f"the MLflow server does not start: {error}", last_lines(log)) from error
            time.sleep(0.2)


def _shown(address: str, opened: bool) -> str:
    if opened:
        webbrowser.open(address)
    return address
