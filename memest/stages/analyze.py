"""Query the finished runs of an experiment, and log what an analysis finds in them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from memest.analysis import ANALYSES, Finding
from memest.analysis.queries import parse_where, query_runs
from memest.data import CORRUPTIONS, PROTOCOLS, SETS
from memest.grammar.config import digest, key_settings
from memest.grammar.registry import Registry
from memest.models import MODELS
from memest.paper import analyses as analyses
from memest.reports import figures
from memest.reports.html import page_html
from memest.reports.sections import painted
from memest.stages.config import AnalyzeConfig
from memest.store.blobs import Blobs
from memest.tracking import (
    About,
    Run,
    connect,
    experiment_name,
    home,
    offer_report,
    open_run,
    report_at,
    server_uri,
)
from memest.version import versions


@dataclass(frozen=True)
class Analyzed:
    """What an analysis found.

    Attributes:
        text: for a terminal.
        run_id: of the run whose artifacts hold its report, tables and figures.
        blobs: of that run.
        report: where the report is read, an address; empty where it is in the run alone.
    """

    text: str
    run_id: str
    blobs: Blobs
    report: str

    @property
    def place(self) -> str:
        """Where all of it is, in words."""
        return "\n".join(filter(None, [f"report, tables and figures are in run {self.run_id}", self.report]))


def analyze(config: AnalyzeConfig) -> Analyzed:
    """Query, judge, and log table, figures and report as a run of their own, once for the same runs.

    Raises:
        NoRunsError: no run answers the query; the message says which condition removed the last ones.
    """
    uri = server_uri(config.tracking)
    where = parse_where(config.where, _spell)
    client = connect(uri, existing=True)
    config = replace(config, experiment=experiment_name(config.experiment, uri))
    runs = query_runs(client, config.experiment, where, home() / "cache")
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
        note=f"{finding.answer}\n\n`{config.analysis}` over {len(runs)} runs of {config.experiment}: open "
        "`report.html` among the artifacts.".strip(),
    )
    with open_run(about, uri, config.experiment) as opened:
        if not opened.done:
            log_finding(opened.run, finding)
            opened.run.seal({})
    run_id = opened.run.id
    offer_report(client, run_id)
    return Analyzed(finding.text(), run_id, opened.run.blobs, report_at(uri, run_id))


def _spell(axis: str, value: str) -> str:
    """A value as runs are tagged with it: specs in their short form."""
    registries: dict[str, Registry[Any]] = {"dataset": SETS, "model": MODELS, "corruption": CORRUPTIONS}
    registries |= {"protocol": PROTOCOLS}
    return registries[axis].short(value) if axis in registries else value


def log_finding(run: Run, finding: Finding) -> None:
    """Tables, figures and report as artifacts."""
    for name, table in finding.tables.items():
        run.table(f"tables/{name}", {str(column): table[column].tolist() for column in table})
    pictures = painted(finding.page)
    for name, figure in pictures.items():
        if not isinstance(figure, str):
            run.blobs.put(f"figures/{name}.png", figures.png(figure))
    run.blobs.put("report.html", page_html(finding.page, pictures))
