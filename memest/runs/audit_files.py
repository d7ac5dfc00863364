"""What an audit leaves: files and tables in its run, copies of the files in a folder, and a few lines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from memest.auditing.findings import Findings
from memest.auditing.report import report_html
from memest.auditing.tables import issues_csv, issues_parquet, ranking_parquet, recall_at, summary_json
from memest.export import exported, unpack
from memest.files import write_whole
from memest.runs.audit_material import Material
from memest.runs.audit_time import WHY
from memest.runs.audit_verify import VERIFIED, said_of
from memest.store import Blobs
from memest.tracking import Opened, Run

_COPIED = ("report.html", "issues.csv", "issues.parquet", "ranking.parquet", "summary.json", VERIFIED)
_EXPORTS = "exports"
_SHOWN = 50


def keep_findings(run: Run, findings: Findings, material: Material, step: int, exports: str = "") -> None:
    """Write what was found into a run: files, a table of the first rows, and metrics at `step`."""
    for name, content in _files(findings, material):
        run.blobs.put(name, content)
    if exports and material.images is not None:
        for name, content in exported(exports, findings, material.images):
            run.blobs.put(f"{_EXPORTS}/{name}.zip", content)
    run.table("tables/issues", {name: values[:_SHOWN] for name, values in findings.table().items()})
    kinds = np.unique(findings.kind).tolist()
    counts = {f"issues/{kind}": float((findings.kind == kind).sum()) for kind in kinds}
    planted = {f"planted_recall/first_{k}": recall for k, recall in recall_at(findings).items()}
    run.log_metrics(step, counts | planted | {"wrong_share": findings.estimate.share})


def copy_files(blobs: Blobs, folder: Path) -> None:
    """Copy the files of a finished audit into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in set(blobs.names("")) & {*_COPIED}:
        write_whole(folder / name, blobs.get(name))
    for name in blobs.names(_EXPORTS):
        unpack(blobs.get(name), folder / Path(name).stem)


def said(opened: Opened, folder: Path, chosen: str = "", again: str = "") -> str:
    """A finished audit for a terminal: what was planned, and what trains the same again unless it was cut."""
    summary = json.loads(opened.run.blobs.get("summary.json"))
    kinds = ", ".join(f"{count} {kind}" for kind, count in summary["kinds"].items())
    share, planted = summary["wrong_share"], summary["planted"]
    cut = summary["choice"].get(WHY)
    lines = [f"{chosen}; {again}" if again and not cut else chosen] * bool(chosen) + [cut] * bool(cut)
    lines.append(f"{summary['examples']} images: {kinds}")
    lines.append(
        f"wrong labels: how many cannot be told; {share['unknown']}"
        if share.get("unknown")
        else f"wrong labels: about {share['share']:.1%} ({share['low']:.1%} to {share['high']:.1%}), "
        f"{share['how']}"
    )
    if planted:
        k = str(planted["expected_wrong"])
        found = planted["recall_at"][k]
        lines.append(
            f"of {planted['count']} errors planted on purpose, {found:.0%} stand among the first {k}, "
            "which is how many are wrong by the guess, these counted"
        )
    if VERIFIED in opened.run.blobs.names(""):
        lines += said_of(opened.run.blobs.get(VERIFIED))
    before = "was done before" if opened.done else "is done"
    report = "report.html" if "report.html" in opened.run.blobs.names("") else "issues.csv"
    page = folder / report
    lines.append(f"the list: {page}, {page.absolute().as_uri()}; run {opened.run.id} {before}")
    return "\n".join(lines)


def _files(findings: Findings, material: Material) -> Iterator[tuple[str, bytes]]:
    yield "issues.csv", issues_csv(findings)
    yield "issues.parquet", issues_parquet(findings)
    yield "ranking.parquet", ranking_parquet(findings)
    yield "summary.json", summary_json(findings)
    if material.images is not None:
        yield "report.html", report_html(findings, material.images, material.test)
