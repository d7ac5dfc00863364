"""Runs and experiments that are not there: the message says which are, and nothing is made by looking."""

from __future__ import annotations

import uuid

import pytest

from memest import cli
from memest.errors import NoRunsError
from memest.tracking import connect, existing_experiment, get_run

pytestmark = pytest.mark.mlflow


def test_a_run_id_that_was_cut_short_finds_its_run(store_uri: str) -> None:
    """Its beginning, in capitals, with spaces around it: the whole id is in the message."""
    client = connect(store_uri)
    run = client.create_run(client.create_experiment(uuid.uuid4().hex)).info.run_id
    for given in (run[:8], run[:31], run.upper(), f" {run} "):
        with pytest.raises(NoRunsError, match=f"did you mean {run}"):
            get_run(client, given)
    for given in ("", "abc", "a%b", "a'b", "../x", "f" * 33, "0" * 32):
        with pytest.raises(NoRunsError, match="an id has 32 digits and letters"):
            get_run(client, given)


def test_a_score_of_a_run_that_was_cut_short(store_uri: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One line that can be copied from."""
    client = connect(store_uri)
    run = client.create_run(client.create_experiment(uuid.uuid4().hex)).info.run_id
    assert cli.main(["score", "--run", run[:8], "--tracking", store_uri]) == 2
    error = capsys.readouterr().err
    assert f"did you mean {run}" in error and error.count("\n") == 1
    assert cli.main(["score", "--run", " ", "--tracking", store_uri]) == 2
    assert "--run came empty" in capsys.readouterr().err
    assert cli.main(["score", "--tracking", store_uri]) == 2
    assert "--run is needed" in capsys.readouterr().err


def test_looking_at_an_experiment_does_not_make_it(
    store_uri: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """`memest ui` with a name that is misspelled: those that there are; no server is started."""
    client, name = connect(store_uri), f"50% 'odd' {uuid.uuid4().hex}"
    made = client.create_experiment(name)
    before = {one.name for one in client.search_experiments()}
    assert cli.main(["ui", "--experiment", "tipo", "--tracking", store_uri]) == 2
    error = capsys.readouterr().err
    assert "there is no experiment 'tipo' on this server" in error and error.count("\n") == 1
    assert {one.name for one in client.search_experiments()} == before
    assert existing_experiment(client, name) == made
