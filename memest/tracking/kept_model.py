"""The network that a run kept, in the Models column of MLflow's UI.

MLflow's logged model names the run and the checkpoint; the weights stay where the run keeps them, read as
tensors and plain values. Nothing is pickled, and nothing is stored twice.
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlflow import MlflowClient

_REFUSED = re.compile(r"[/:.%\"']")
"""Characters that MLflow takes in no model's name."""
_UNKNOWN = (404, 501)
_NO_SUCH_FILTER = 400
"""Said by servers that cannot search models by their tags."""
_RUN = "memest.run"
_log = logging.getLogger(__name__)


def show_model(client: MlflowClient, run_id: str, name: str, file: str, step: int) -> None:
    """Let a run have a model, unless it has one; a server that knows no logged models is left as it is.

    May be called again after it failed between two calls: what was made before is gone on with.

    Args:
        client: of the tracking server.
        run_id: of the run that kept the network.
        name: of the network, as its spec says it.
        file: the artifact of the run that holds its weights.
        step: the epoch after which it was kept.
    """
    from mlflow.exceptions import MlflowException

    run = client.get_run(run_id)
    if _has_model(run):
        return
    note = f"`{file}` of run `{run_id}`: tensors, no pickle; `memest score --run {run_id}` reads it."
    tags = {_RUN: run_id, "memest.checkpoint": file, "mlflow.note.content": note}
    try:
        model = _begun(client, run) or client.create_logged_model(
            run.info.experiment_id,
            _REFUSED.sub("-", name),
            run_id,
            tags,
            {"network": name, "epoch": str(step)},
        )
        client.finalize_logged_model(model.model_id, "READY")
        _link(client, run_id, model.model_id, step)
    except MlflowException as error:
        status = error.get_http_status_code()  # type: ignore[no-untyped-call]
        if status not in _UNKNOWN:
            raise
        _log.debug("run %s has no model in the UI: %s", run_id, error)


def _has_model(run: Any) -> bool:
    return run.outputs is not None and bool(run.outputs.model_outputs)


def _begun(client: MlflowClient, run: Any) -> Any | None:
    """The model that was made for a run and not yet linked to it, if there is one and the server finds it."""
    from mlflow.exceptions import MlflowException

    query = f"tags.`{_RUN}` = '{run.info.run_id}'"
    try:
        return next(iter(client.search_logged_models([run.info.experiment_id], query, max_results=1)), None)
    except MlflowException as error:
        if error.get_http_status_code() != _NO_SUCH_FILTER:  # type: ignore[no-untyped-call]
            raise
        return None


def _link(client: MlflowClient, run_id: str, model_id: str, step: int) -> None:
    """Let a model be an output of its run; a server that is told so twice refuses the second time."""
    from mlflow.entities import LoggedModelOutput
    from mlflow.exceptions import MlflowException

    try:
        client.log_outputs(run_id, [LoggedModelOutput(model_id, step)])
    except MlflowException:
        if not _has_model(client.get_run(run_id)):
            raise
