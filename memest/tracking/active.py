"""The run that the user's own code has active in MLflow, where it uses MLflow."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_GIVEN = "MLFLOW_RUN_ID"


@contextmanager
def in_active_run() -> Iterator[None]:
    """A block whose run is the active one of MLflow's fluent interface, if there is one and none was given.

    MLflow is not imported: a program that has not imported it has no active run.
    """
    mlflow = sys.modules.get("mlflow")
    active = mlflow.active_run() if mlflow is not None and hasattr(mlflow, "active_run") else None
    if active is None or _GIVEN in os.environ:
        yield
        return
    os.environ[_GIVEN] = active.info.run_id
    try:
        yield
    finally:
        del os.environ[_GIVEN]
