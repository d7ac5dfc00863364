"""What a run reports at its end: costs, detection metrics, and the most suspicious labels."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memest.analysis.images import labelled_images
from memest.data import ImageSet
from memest.detect import DETECTORS, RANKED, Evaluation, rank, slug
from memest.overhead.budget import Choice
from memest.overhead.costs import Costs
from memest.reports import figures
from memest.reports.text import aligned
from memest.runs.page import run_page
from memest.runs.stopping import STOPPED, stopped_text
from memest.store import Blobs, SheetReader
from memest.store.tables import FACTS, NAME, Columns
from memest.tracking import SUSPICIOUS, Run, image_files

CHOICE, COST = "plan.json", "tables/cost"
"""What a run within a budget was chosen by; what its scores cost."""
LISTED = 50
PICTURED = 25


def report(
    run: Run,
    images: ImageSet,
    summary: Columns,
    evaluation: Evaluation | None,
    costs: Costs,
    epoch: int,
) -> None:
    """Write what a run logs once training is over.

    That is its costs, detection metrics of the whole run, and the most suspicious labels as table and, where
    the packages that paint are installed, as picture. Metrics are few, to be compared: what every summary
    found is in `sheet/evaluation.json`.

    Args:
        run: where to.
        images: those that were scored.
        summary: one row per example, in the order of the images.
        evaluation: of the summaries; None where there is nothing to detect.
        costs: of the whole run.
        epoch: the last one, the step of costs and detection metrics; curves carry their own.
    """
    report_costs(run, costs, epoch)
    changed = summary["changed"].astype(bool)
    best = leading(summary)
    if best is None:
        return
    if evaluation is not None:  # a curve may have logged the same value for the last epoch: the first stays
        run.log_metrics(
            epoch, detection_metrics(evaluation, [best, *(name for name in DETECTORS if name in summary)])
        )
    order = rank(best, summary[best])
    run.table("tables/suspicious", suspicious_table(images.classes, summary, best, order[:LISTED]))
    if not can_paint():
        return
    shown = order[:PICTURED].astype(np.int64)
    picture = labelled_images(images.take(shown), {name: summary[name][shown] for name in FACTS})
    png = figures.png(picture)
    for name, content in image_files(SUSPICIOUS, png).items():
        run.blobs.put(name, content)
    run.blobs.put("figures/suspicious.png", png)
    unit = "suspicion" if best in DETECTORS else "nats summed over epochs"
    histogram = figures.histogram(summary[best], changed, f"{best}, {unit}")
    run.blobs.put("figures/csl.png", figures.png(histogram))


def keep_page(run: Run, images: ImageSet, sheet: SheetReader, summary: Columns) -> None:
    """Write `report.html` of a training, where it can be; a run that joins parts leaves it to an audit."""
    if can_paint() and (best := leading(summary)) is not None:
        run.blobs.put("report.html", run_page(images, sheet, summary, best))


def can_paint() -> bool:
    """Whether what paints is installed, and `MEMEST_PICTURES` is not 0: a run is whole without pictures."""
    wanted = os.environ.get("MEMEST_PICTURES") != "0"
    return wanted and all(find_spec(package) is not None for package in ("matplotlib", "PIL"))


def report_costs(run: Run, costs: Costs, epoch: int) -> None:
    """Write what each score cost: a table, and metrics at `epoch`."""
    run.log_metrics(epoch, costs.metrics())
    run.table(COST, costs.table())


def detection_metrics(evaluation: Evaluation, names: Iterable[str] | None = None) -> dict[str, float]:
    """`auroc/<name>` and `average_precision/<name>` of some summaries and detectors, or of all."""
    values = {}
    for name in evaluation.found if names is None else names:
        values[f"auroc/{slug(name)}"] = evaluation.found[name].auroc.value
        values[f"average_precision/{slug(name)}"] = evaluation.found[name].average_precision
    return values


def leading(summary: Columns) -> str | None:
    """The column that ranks examples for people: the protocol's detector, else CSL, the online one first."""
    return next((name for name in (*DETECTORS, *RANKED) if name in summary), None)


def choice_files(choice: Choice | None) -> dict[str, bytes]:
    """The files in which a run keeps the choice that a budget made, by name."""
    return {CHOICE: choice.to_json()} if choice else {}


def trained_text(blobs: Blobs) -> str:
    """A finished training run for a terminal: what its budget chose, why it stopped, suspicious labels."""
    kept = blobs.names("")
    chosen = [Choice.from_json(blobs.get(CHOICE)).text()] if CHOICE in kept else []
    chosen += [stopped_text(blobs.get(STOPPED))] if STOPPED in kept else []
    return "\n\n".join([*chosen, suspicious_text(SheetReader.open(blobs))])


def suspicious_text(sheet: SheetReader, count: int = 10) -> str:
    """The most suspicious labels of a finished sheet, for a terminal."""
    summary = sheet.summary()
    best = leading(summary)
    if best is None:
        return "no loss was measured, so no example is ranked"
    chosen = rank(best, summary[best])[:count]
    columns = suspicious_table(sheet.manifest.header.classes, summary, best, chosen)
    rows = [list(map(str, row)) for row in zip(*columns.values(), strict=True)]
    return f"the {len(rows)} most suspicious labels:\n{aligned(list(columns), rows)}"


def suspicious_table(
    classes: Sequence[str], summary: Columns, best: str, chosen: NDArray[np.integer[Any]]
) -> dict[str, list[Any]]:
    """Columns id, name, given label, score and whether and from what the label was changed.

    A name stands there where the examples have names, the last two where the truth is known.
    """
    changed = summary["changed"][chosen]
    columns: dict[str, list[Any]] = {
        "id": summary["id"][chosen].tolist(),
        **({NAME: summary[NAME][chosen].tolist()} if NAME in summary else {}),
        "label": [classes[label] for label in summary["label"][chosen]],
        best: [round(float(value), 4) for value in summary[best][chosen]],
    }
    if summary["changed"].any():
        columns["changed"] = changed.tolist()
        columns["original_label"] = [classes[label] for label in summary["original_label"][chosen]]
    return columns
