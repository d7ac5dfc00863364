"""What an experiment's page in MLflow's UI is told: the mode, charts and columns, links."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from memest.tracking.view import link, offer, report_link, state


class _Client:
    """What is set on an experiment, kept as tags."""

    def __init__(self, **tags: str) -> None:
        self.experiment = SimpleNamespace(experiment_id="7", tags=tags)

    def set_experiment_tag(self, _: str, name: str, value: str) -> None:
        self.experiment.tags[name] = value


def described(**tags: str) -> str:
    """The description that an experiment with these tags is given."""
    client: Any = _Client(**tags)
    offer(client, client.experiment)
    return str(client.experiment.tags["mlflow.note.content"])


def test_links_open_the_mode_for_training() -> None:
    """MLflow's UI takes its mode from the address; without it a new user sees the one for agents."""
    for address in (link("http://h/", "7"), report_link("http://h", "7", "r")):
        assert address.startswith("http://h/#/experiments/7/runs")
        assert "workflowType=machine_learning" in address
    assert "/artifacts/report.html?" in report_link("http://h", "7", "r")


def test_pictures_have_room_below_their_settings() -> None:
    """A card of pictures is higher than one of a chart: MLflow writes all settings of a run above each."""
    sections = {section["name"]: section for section in state()["compareRunSections"]}
    pictures, charts = sections["The most suspicious labels"], sections["Training"]
    assert pictures["cardHeight"] > 2 * charts["cardHeight"] and pictures["columns"] < charts["columns"]


def test_the_description_begins_with_links_and_somebody_elses_stays() -> None:
    """A collapsed description shows its beginning; the latest analysis is linked once there is one."""
    assert described().startswith("[Compare all runs](#/experiments/7/runs?")
    assert "latest report" not in described()
    assert "runs/abc/artifacts/report.html" in described(**{"mlflow.memest.report": "abc"})
    earlier = "Runs of memest: every example of a dataset"
    assert "runs/abc/" in described(**{"mlflow.note.content": earlier, "mlflow.memest.report": "abc"})
    assert described(**{"mlflow.note.content": "Ours."}) == "Ours."
