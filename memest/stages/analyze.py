"""Query the finished runs of an experiment and judge every summary against the stored truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from memest.analysis import ANALYSES, Finding, figures
from memest.analysis.queries import find_runs, parse_where
from memest.analysis.runset import RunSet
from memest.config import digest, flatten, one, option
from memest.errors import DataError
from memest.stages.common import rebuild
from memest.stages.describe import suspicious_picture
from memest.tracking import About, Run, connect, home, open_run, tracking_uri

SHOWN = 10


@dataclass(frozen=True)
class AnalyzeConfig:
    """Everything an analysis can be told."""

    experiment: str = option("memest", "MLflow experiment to query")
    analysis: str = option("detection", "which analysis", read=one(ANALYSES))
    where: str = option("", "only runs with these axes, such as: model=tiny, seed=1")
    tracking: str = option("auto", "MLflow tracking URI; auto: MLFLOW_TRACKING_URI, else sqlite", key=False)


def analyze(config: AnalyzeConfig) -> str:
    """The table for the terminal; it, the figures and the report are logged as a run of their own.

    Raises:
        NoRunsError: no run answers the query; the message says which condition removed the last ones.
    """
    uri = tracking_uri() if config.tracking == "auto" else config.tracking
    where = parse_where(config.where)
    runs = find_runs(connect(uri), config.experiment, where, home() / "cache")
    finding: Finding = ANALYSES.call(config.analysis, runs)
    add_pictures(finding)
    about = About(
        stage="analyze",
        key=digest(config.analysis, where, sorted(run.id for run in runs)),
        name=f"{config.analysis} of {len(runs)} runs",
        settings=flatten(config),
        tags={"analysis": config.analysis},
        note=f"`{config.analysis}` over {len(runs)} runs of {config.experiment}: open `report.html`.",
    )
    with open_run(about, uri, config.experiment) as opened:
        if not opened.done:
            log(opened.run, finding)
            opened.run.seal({})
    return (
        f"{finding.text}\n\n{len(runs)} runs analysed; report, tables and figures are in run {opened.run.id}"
    )


def log(run: Run, finding: Finding) -> None:
    """Tables, figures and report as artifacts."""
    for name, table in finding.tables.items():
        run.table(f"tables/{name}", {str(column): table[column].tolist() for column in table})
    for name, content in finding.figures.items():
        run.blobs.put(f"figures/{name}", content)
    run.blobs.put("report.html", finding.report.html())


def add_pictures(finding: Finding) -> None:
    """The most suspicious images of each set of labels, as the runs together rank them.

    The images come from the dataset itself, checked against the sheet; where it cannot be had the report
    says so instead.
    """
    for number, (runs, ids) in enumerate(finding.suspects):
        title = f"The {SHOWN} labels that {len(runs)} runs suspect most"
        finding.report.heading(title)
        try:
            picture = suspects_picture(runs, ids[:SHOWN])
        except DataError as error:
            finding.report.text(f"The images cannot be shown here: {error}")
            continue
        finding.figures[f"suspicious-{number}.png"] = picture
        finding.report.picture(picture, "red: the label had been changed")


def suspects_picture(runs: RunSet, ids: list[int]) -> bytes:
    """PNG of the images with these ids and their labels.

    Raises:
        DataError: the dataset cannot be had here.
    """
    sheet = runs[0].sheet
    _, images, _ = rebuild(sheet, sheet.manifest.header.config)
    position = {int(example): place for place, example in enumerate(images.ids)}
    chosen = np.array([position[example] for example in ids])
    return figures.png(suspicious_picture(images, runs[0].sheet.summary(), chosen))
