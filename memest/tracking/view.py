"""A view of an experiment in MLflow's UI that is ready to compare: columns and charts, opened by a link.

It is written in the form that "share" of the UI's chart page keeps in a tag of the experiment. That form
belongs to the UI of MLflow 3.17, which this package pins.
"""

from __future__ import annotations

import io
import json
import shlex
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from memest.output import program

if TYPE_CHECKING:
    from mlflow import MlflowClient

_KEY = "memest"
_TAG, _NOTE_TAG = f"mlflow.sharedViewState.{_KEY}", "mlflow.note.content"
_MODE = "workflowType=machine_learning"
"""What opens a page in the UI's mode for training: without it a new user sees the one for agents, empty."""
_QUERY = f"viewStateShareKey={_KEY}&compareRunsMode=CHART&{_MODE}"
REPORT = "report.html"
_REPORT_TAG = "mlflow.memest.report"
"""The tag of an experiment that holds the id of the run of its latest analysis."""
SUSPICIOUS = "suspicious"
"""The key of the picture that each run has of its most suspicious labels."""
_COLUMNS = (
    *(("tags", f"memest.{axis}") for axis in ("dataset", "corruption", "model", "seed", "epochs", "recipe")),
    ("attributes", "Models"),
    *(("metrics", name) for name in ("test/accuracy", "auroc/seen/csl", "auroc/csl", "auroc/aum")),
)
_POINTS, _LINES, _BARS, _IMAGES = "SCATTER", "LINE", "BAR", "IMAGE"
_SECTIONS = {
    "Wrong labels found": (
        (_POINTS, "cfg.model", "auroc/seen/csl"),
        (_LINES, "auroc/seen/csl"),
        (_POINTS, "cfg.model", "auroc/csl"),
        (_LINES, "auroc/csl"),
    ),
    "Training": ((_LINES, "test/accuracy"), (_LINES, "train/accuracy"), (_LINES, "train/loss")),
    "The most suspicious labels": ((_IMAGES, SUSPICIOUS),),
    "What scoring cost, in seconds": ((_BARS, "cost_seconds/all_scoring"), (_BARS, "cost_seconds/training")),
}
"""By section: the kind of each chart, and what it shows."""
_SMALL = 512
"""Pixels of the longer side of a picture's smaller copy."""
_COMPARED = 100
"""Runs that a chart shows at most."""
_NOTE = (
    "[Compare all runs](#/experiments/{id}/runs?{query}){report}. In a run, `sheet/summary.parquet` has one "
    "row per example."
)
_OURS = ("[Compare all runs](", "Runs of memest: ")
"""What a description begins with that was written here, now or by an earlier version."""


def link(server: str, experiment_id: str) -> str:
    """The address of the view, on a server whose UI is at `server`."""
    return f"{server.rstrip('/')}/#/experiments/{experiment_id}/runs?{_QUERY}"


def report_link(server: str, experiment_id: str, run_id: str) -> str:
    """The address of a run's report, shown in the UI that is at `server`."""
    return f"{server.rstrip('/')}/#/{_report_page(experiment_id, run_id)}"


def _report_page(experiment_id: str, run_id: str) -> str:
    return f"experiments/{experiment_id}/runs/{run_id}/artifacts/{REPORT}?{_MODE}"


def where_to_look(uri: str, experiment_id: str, name: str) -> str:
    """How an experiment is looked at: its address on a server; of a database the command that shows it."""
    if uri.startswith(("http://", "https://")):
        return link(uri, experiment_id)
    return f"{program('memest')} ui --experiment {shlex.quote(name)} --tracking {shlex.quote(uri)}"


def offer(client: MlflowClient, experiment: Any) -> None:
    """Let an experiment have the view, as this version of memest draws it, and a description that links it.

    The description also links the latest analysis. One that somebody else wrote stays.
    """
    tags = experiment.tags
    wanted = {_TAG: json.dumps(state(), separators=(",", ":"))}
    if tags.get(_NOTE_TAG, _OURS[0]).startswith(_OURS):
        wanted[_NOTE_TAG] = _note(str(experiment.experiment_id), tags.get(_REPORT_TAG, ""))
    for name, value in wanted.items():
        if tags.get(name) != value:
            client.set_experiment_tag(experiment.experiment_id, name, value)


def offer_report(client: MlflowClient, run_id: str) -> None:
    """Let the description of the experiment of a run link its report, as that of the latest analysis."""
    experiment_id = client.get_run(run_id).info.experiment_id
    client.set_experiment_tag(experiment_id, _REPORT_TAG, run_id)
    offer(client, client.get_experiment(experiment_id))


def _note(experiment_id: str, run_id: str) -> str:
    report = f", [read the latest report](#/{_report_page(experiment_id, run_id)})" if run_id else ""
    return _NOTE.format(id=experiment_id, query=_QUERY, report=report)


def image_files(key: str, png: bytes) -> dict[str, bytes]:
    """A picture of a run as the UI's charts show it under `key`: the files to put beside it, by name."""
    from PIL import Image

    small, content = Image.open(io.BytesIO(png)).convert("RGB"), io.BytesIO()
    small.thumbnail((_SMALL, _SMALL))
    small.save(content, "webp")
    name = f"images/{key}+step+0+timestamp+0+memest"
    return {f"{name}.png": png, f"{name}+compressed.webp": content.getvalue()}


def state() -> dict[str, Any]:
    """Everything that the UI is told."""
    sections = {name: f"memest-{number}" for number, name in enumerate(_SECTIONS)}
    return {
        "searchFilter": "tags.`memest.stage` = 'train'",
        "orderByKey": "tags.`memest.model`",  # by its start, runs of a sweep would be folded below it, unseen
        "orderByAsc": True,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "selectedColumns": [f"{kind}.`{name}`" for kind, name in _COLUMNS],
        "runsHiddenMode": "SHOW_ALL",
        "hideEmptyCharts": True,
        "isAccordionReordered": True,
        "compareRunSections": [
            {
                "uuid": uuid,
                "name": name,
                "display": True,
                "isReordered": True,
            }
            | _shape(name)
            for name, uuid in sections.items()
        ],
        "compareRunCharts": [
            chart | {"uuid": f"{uuid}-{number}", "metricSectionId": uuid}
            for name, uuid in sections.items()
            for number, chart in enumerate(_charts(_SECTIONS[name]))
        ],
    }


def _shape(section: str) -> dict[str, int]:
    """Cards beside one another, and the height of each in pixels: a picture stands below its parameters."""
    pictures = any(kind == _IMAGES for kind, *_ in _SECTIONS[section])
    return {"columns": 1, "cardHeight": 900} if pictures else {"columns": 2, "cardHeight": 360}


def _charts(wanted: Sequence[Sequence[str]]) -> Iterator[dict[str, Any]]:
    for kind, *shown in wanted:
        chart: dict[str, Any] = {"type": kind, "runsCountToCompare": _COMPARED, "metricKey": shown[0]}
        if kind == _POINTS:
            x, y = shown
            chart |= {"xaxis": {"key": x, "type": "PARAM"}, "yaxis": {"key": y, "type": "METRIC"}}
        elif kind == _LINES:
            chart |= {"selectedMetricKeys": shown, "lineSmoothness": 0, "useGlobalLineSmoothing": False}
        elif kind == _IMAGES:
            chart |= {"imageKeys": shown, "step": 0}
        yield chart
