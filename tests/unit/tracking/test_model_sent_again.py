"""A server that fails between the calls that make a kept network a model is asked again, and makes one."""

from __future__ import annotations

from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INTERNAL_ERROR, INVALID_PARAMETER_VALUE

from memest.tracking import connect
from memest.tracking.kept_model import show_model

pytestmark = pytest.mark.mlflow
CALLS = ("create_logged_model", "finalize_logged_model", "log_outputs")


class Failing(MlflowClient):
    """A client whose server fails once at a call: before it is carried out, or with its answer lost."""

    def __init__(self, uri: str, call: str, carried_out: bool) -> None:
        super().__init__(uri)
        real = getattr(self, call)

        def once(*arguments: Any) -> Any:
            if carried_out:
                real(*arguments)
            setattr(self, call, real)
            raise MlflowException("the server is gone")

        setattr(self, call, once)


@pytest.mark.parametrize("carried_out", [False, True], ids=["before it", "after it"])
@pytest.mark.parametrize("call", CALLS)
def test_a_model_is_made_once(call: str, carried_out: bool, store_uri: str, tmp_path: Any) -> None:
    """One model, ready, an output of its run, whichever call failed; delivery calls again."""
    client = connect(store_uri)
    experiment = client.create_experiment(f"{tmp_path.name} {call} {carried_out}")
    run = client.create_run(experiment).info.run_id
    failing = Failing(store_uri, call, carried_out)
    arguments = (run, "resnet18(width=2)", "checkpoint/epoch-000002.pt", 2)
    if (call, carried_out) == ("log_outputs", True):  # it sees that the model is linked
        show_model(failing, *arguments)
    else:
        with pytest.raises(MlflowException, match="the server is gone"):
            show_model(failing, *arguments)
    show_model(failing, *arguments)
    (model,) = client.search_logged_models([experiment])
    assert str(model.status) == "READY"
    assert [output.model_id for output in client.get_run(run).outputs.model_outputs] == [model.model_id]


def test_a_model_of_the_runs_owner_is_not_taken(store_uri: str, tmp_path: Any) -> None:
    """One that somebody else made for the run, and did not link, stays as it is."""
    client = connect(store_uri)
    experiment = client.create_experiment(f"{tmp_path.name} own")
    run = client.create_run(experiment).info.run_id
    own = client.create_logged_model(experiment, "own", run)
    show_model(client, run, "tiny", "checkpoint/epoch-000002.pt", 2)
    assert {model.name for model in client.search_logged_models([experiment])} == {"own", "tiny"}
    assert client.get_run(run).outputs.model_outputs[0].model_id != own.model_id


def test_a_server_that_cannot_search_by_tags_gets_the_model(
    store_uri: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says 400 to the filter; any other trouble of the search is said."""
    client = connect(store_uri)
    run = client.create_run(client.create_experiment(f"{tmp_path.name} filter")).info.run_id
    arguments = (client, run, "tiny", "checkpoint/epoch-000002.pt", 2)
    for code, words in ((INTERNAL_ERROR, "gone"), (INVALID_PARAMETER_VALUE, "Invalid filter")):
        answer = MlflowException(words, code)

        def refused(*arguments: Any, answer: Exception = answer, **settings: Any) -> Any:
            raise answer

        monkeypatch.setattr(client, "search_logged_models", refused)
        if code == INTERNAL_ERROR:
            with pytest.raises(MlflowException, match="gone"):
                show_model(*arguments)
    show_model(*arguments)
    assert len(client.get_run(run).outputs.model_outputs) == 1
