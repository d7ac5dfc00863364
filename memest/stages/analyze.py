"""Query the finished runs of an experiment and judge every summary against the stored truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from memest.analysis import ANALYSES, Finding
from memest.analysis.queries import find_runs, parse_where
from memest.analysis.runset import RunSet
from memest.data import CORRUPTIONS, PROTOCOLS, SETS
from memest.errors import DataError
from memest.grammar.config import digest, key_settings
from memest.grammar.registry import Registry
from memest.ids import Ids
from memest.models import MODELS
from memest.paper import analyses as analyses
from memest.reports import figures
from memest.reports.html import Report
from memest.runs.dataset import rebuild
from memest.runs.description import suspicious_picture
from memest.runs.tracked import server_uri
from memest.stages.config import AnalyzeConfig
from memest.store.blobs import Blobs
from memest.tracking import About, Run, connect, experiment_name, home, open_run
from memest.version import versions

SHOWN = 10


@dataclass(frozen=True)
class Analyzed:
    """What an analysis found, and the run whose artifacts hold its report, tables and figures."""

    text: str
    run_id: str
    blobs: Blobs


def analyze(config: AnalyzeConfig) -> Analyzed:
    """Query, judge, and log table, figures and report as a run of their own, once for the same runs.

    Raises:
        NoRunsError: no run answers the query; the message says which condition removed the last ones.
    """
    uri = server_uri(config.tracking)
    where = parse_where(config.where, _spell)
    client = connect(uri, existing=True)
    config = replace(config, experiment=experiment_name(config.experiment, uri))
    runs = find_runs(client, config.experiment, where, home() / "cache")
    finding: Finding = ANALYSES.call(config.analysis, runs)
    about = About(
        stage="analyze",
        key=digest(
            versions(),
            config.analysis,
            where,
            {run.id: sorted(run.further) for run in runs},
            *finding.sources.items(),
        ),
        name=f"{config.analysis} of {len(runs)} runs",
        settings=key_settings(config),
        tags={"analysis": config.analysis},
        note=f"`{config.analysis}` over {len(runs)} runs of {config.experiment}: open `report.html`.",
    )
    with open_run(about, uri, config.experiment) as opened:
        if not opened.done:
            log(opened.run, finding)
            opened.run.seal({})
    return Analyzed(finding.text(), opened.run.id, opened.run.blobs)


def _spell(axis: str, value: str) -> str:
    """A value as runs are tagged with it: specs in their short form."""
    registries: dict[str, Registry[Any]] = {"dataset": SETS, "model": MODELS, "corruption": CORRUPTIONS}
    registries |= {"protocol": PROTOCOLS}
    return registries[axis].short(value) if axis in registries else value


def log(run: Run, finding: Finding) -> None:
    """Tables, figures and report as artifacts."""
    for name, table in finding.tables.items():
        run.table(f"tables/{name}", {str(column): table[column].tolist() for column in table})
    report = Report(finding.title)
    for section in finding.sections:
        report.heading(section.title)
        report.table(*section.cells)
        for (name, caption), figure in section.paint().items():
            _show(run, report, name, caption, figures.png(figure))
    for number, suspects in enumerate(finding.suspects):
        report.heading(f"The {SHOWN} labels that {len(suspects.runs)} runs suspect most")
        try:
            picture = examples_picture(suspects.runs, suspects.ids[:SHOWN])
        except DataError as error:
            report.text(f"The images cannot be shown here: {error}")
        else:
            _show(run, report, f"suspicious-{number}", "red: the label had been changed", picture)
    for gallery in finding.galleries:
        report.heading(gallery.caption)
        try:
            picture = examples_picture(gallery.runs, gallery.ids, gallery.columns)
        except DataError as error:
            report.text(f"The images cannot be shown here: {error}")
        else:
            _show(run, report, gallery.name, gallery.caption, picture)
    report.text(finding.remark, small=True)
    run.blobs.put("report.html", report.html())


def examples_picture(runs: RunSet, ids: Sequence[int], columns: int = 5) -> bytes:
    """PNG of examples with their labels, in the order of `ids`, in rows.

    The images come from the dataset itself, checked against the sheet.

    Args:
        runs: that were trained on them, all of one fingerprint.

    Raises:
        DataError: the dataset cannot be had here.
    """
    run = runs[0]
    images = rebuild(run.sheet, run.sheet.manifest.header.config).observed
    chosen = Ids(images.ids, "the dataset").locate(ids)
    return figures.png(suspicious_picture(images, run.summary, chosen, columns))


def _show(run: Run, report: Report, name: str, caption: str, picture: bytes) -> None:
    run.blobs.put(f"figures/{name}.png", picture)
    report.picture(picture, caption)
