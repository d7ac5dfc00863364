"""A run that several processes are at work under."""

from __future__ import annotations

from typing import Any

import pytest
from mlflow import MlflowClient

from memest.tracking import at_work_under

pytestmark = pytest.mark.mlflow


def test_a_shared_run_is_ended_by_the_last_that_leaves_it(
    tracked: dict[str, Any], client: MlflowClient
) -> None:
    """KILLED or FAILED with the reason, unless another goes on or it is sealed; then running again."""

    def left(error: BaseException, others: bool) -> tuple[str, str, str]:
        with pytest.raises(type(error)), at_work_under(client, run, lambda: others):
            assert seen()[:2] == ("RUNNING", "running")
            raise error
        return seen()

    def seen() -> tuple[str, str, str]:
        found = client.get_run(run)
        return found.info.status, found.data.tags["memest.state"], found.data.tags["memest.error"]

    run = client.create_run(client.create_experiment(tracked["experiment"])).info.run_id
    assert left(KeyboardInterrupt(), others=True) == ("RUNNING", "running", "")
    assert left(KeyboardInterrupt(), others=False)[:2] == ("KILLED", "killed")
    assert left(ValueError("x" * 10_000), others=False) == ("FAILED", "failed", f"ValueError: {'x' * 988}")
    client.set_tag(run, "memest.state", "sealed")
    with pytest.raises(KeyboardInterrupt), at_work_under(client, run, lambda: False):
        raise KeyboardInterrupt
    assert seen()[1] == "sealed"
