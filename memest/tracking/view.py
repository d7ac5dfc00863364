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
_QUERY = f"viewStateShareKey={_KEY}&compareRunsMode=CHART"
SUSPICIOUS = "suspicious"
"""The key of the picture that each run has of its most suspicious labels."""
_COLUMNS = (
    *(("tags", f"memest.{axis}") for axis in ("dataset", "corruption", "model", "seed", "epochs", "recipe")),
    ("attributes", "Models"),
    *(("metrics", name) for name in ("test/accuracy", "train/accuracy", "auroc/csl", "auroc/aum")),
)
_POINTS, _LINES, _BARS, _IMAGES = "SCATTER", "LINE", "BAR", "IMAGE"
_SECTIONS = {
    "Wrong labels found": ((_POINTS, "cfg.model", "auroc/csl"), (_LINES, "auroc/csl")),
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
    "Runs of memest: every example of a dataset scored while a network trains on it. In a run, read "
    "`sheet/summary.parquet` first, one row per example. [Compare all runs](#/experiments/{id}/runs?{query})."
)


def link(server: str, experiment_id: str) -> str:
    """The address of the view, on a server whose UI is at `server`."""
    return f"{server.rstrip('/')}/#/experiments/{experiment_id}/runs?{_QUERY}"


def where_to_look(uri: str, experiment_id: str, name: str) -> str:
    """How an experiment is looked at: its address on a server; of a database the command that shows it."""
    if uri.startswith(("http://", "https://")):
        return link(uri, experiment_id)
    return f"{program('memest')} ui --experiment {shlex.quote(name)} --tracking {shlex.quote(uri)}"


def offer(client: MlflowClient, experiment: Any) -> None:
    """Let an experiment have the view, as this version of memest draws it, and a description that links it.

    A description that is there stays.
    """
    note = _NOTE.format(id=experiment.experiment_id, query=_QUERY)
    wanted = {_NOTE_TAG: experiment.tags.get(_NOTE_TAG) or note}
    for name, value in (wanted | {_TAG: json.dumps(state(), separators=(",", ":"))}).items():
        if experiment.tags.get(name) != value:
            client.set_experiment_tag(experiment.experiment_id, name, value)


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
                "columns": 2,
                "cardHeight": 360,
            }
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
