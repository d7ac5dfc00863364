"""What a training run says of itself: its axes and description, and the report at its end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from memest.analysis.columns import FIRST
from memest.analysis.images import labelled_images
from memest.data import CORRUPTIONS, PROTOCOLS, SETS, ImageSet
from memest.detect import DETECTORS, detect, rank, slug, suspicion
from memest.grammar.config import digest, key_settings
from memest.models import MODELS
from memest.overhead.budget import Choice
from memest.overhead.costs import Costs
from memest.overhead.schedule import every
from memest.reports import figures
from memest.reports.text import aligned
from memest.runs.key import source_tag
from memest.store import Blobs, SheetReader
from memest.store.tables import FACTS, NAME, NOT_SUMMARIES, Columns
from memest.summaries import against_others
from memest.tracking import About, Run

if TYPE_CHECKING:
    from memest.runs.config import TrainConfig
    from memest.runs.prepare import Prepared

CHOICE, COST, LEFT_OUT = "plan.json", "tables/cost", "tables/left_out"
"""What a run within a budget was chosen by; what its scores cost; what it left out of its source."""
LISTED = 50
PICTURED = 25


def about_training(prepared: Prepared) -> About:
    """The axes, settings and description of a training run."""
    config, images, device = prepared.config, prepared.images, prepared.device
    dataset, corruption = SETS.short(config.data), CORRUPTIONS.short(config.corruption)
    model, protocol = MODELS.short(config.model), PROTOCOLS.short(config.protocol)
    part = {} if config.part is None else {"part": str(config.part)}
    drawn = {} if config.corruption_seed is None else {"corruption_seed": str(config.corruption_seed)}
    name = f"{dataset} {model} seed {config.seed}"
    if protocol != "standard":
        name += f" {protocol}" + "".join(f" part {number}" for number in part.values())
    note = (
        f"**{model}** on **{dataset}** ({len(images):,} images, {len(images.classes)} classes, "
        f"{int(prepared.truth.changed.sum()):,} labels changed by `{corruption}`), "
        f"{config.recipe.epochs} epochs, seed {config.seed}, protocol {protocol}, on {device.type}.\n\n"
        "Read `sheet/summary.parquet` first: one row per example. `seen/…` is from the training batches "
        "themselves, everything else from "
        f"clean passes in evaluation mode: scores from logits {every(config.score_every)}, from gradients "
        f"{every(config.gradient_every)}."
    )
    if left_out := prepared.split.left_out:
        note += f"\n\n{len(left_out):,} images of the source were left out: `{LEFT_OUT}` names them."
    return About(
        stage="train",
        key=prepared.key,
        name=name,
        settings=key_settings(config),
        tags={
            "dataset": dataset,
            "limit": str(config.limit),
            "corruption": corruption,
            "model": model,
            "protocol": protocol,
            "epochs": str(config.recipe.epochs),
            "recipe": recipe_tag(config, device),
            "source": source_tag(prepared.split.train, config.corruption),
            "seed": str(config.seed),
            "device": device.type,
            "threads": str(prepared.threads),
            "order": images.order,
        }
        | drawn
        | part,
        note=note,
        dataset=(dataset, images.fingerprint),
    )


def recipe_tag(config: TrainConfig, device: torch.device) -> str:
    """Eight digits that runs share when they differ in axes and seeds only: what may be averaged."""
    apart = {"data", "limit", "corruption", "corruption_seed", "model", "seed", "scores", "checkpoints"}
    apart |= {"protocol", "part", "max_overhead"}
    settings = {name: value for name, value in key_settings(config).items() if name not in apart}
    return digest(settings, device.type)[:8]


def report(run: Run, images: ImageSet, summary: Columns, costs: Costs, epoch: int) -> None:
    """What scoring cost, detection metrics where labels were changed, suspicious labels as table and picture.

    Args:
        run: where to.
        images: those that were scored.
        summary: one row per example, in the order of the images.
        costs: of the whole run.
        epoch: the step of the metrics.
    """
    report_costs(run, costs, epoch)
    changed_N = summary["changed"].astype(bool)
    if 0 < changed_N.sum() < len(changed_N):
        run.metrics(epoch, detection_metrics(summary))
    best = leading(summary)
    if best is None:
        return
    order = rank(best, summary[best])
    run.table("tables/suspicious", suspicious_table(images.classes, summary, best, order[:LISTED]))
    shown = order[:PICTURED].astype(np.int64)
    picture = labelled_images(images.take(shown), {name: summary[name][shown] for name in FACTS})
    run.blobs.put("figures/suspicious.png", figures.png(picture))
    unit = "suspicion" if best in DETECTORS else "nats summed over epochs"
    histogram = figures.histogram(summary[best], changed_N, f"{best}, {unit}")
    run.blobs.put("figures/csl.png", figures.png(histogram))


def report_costs(run: Run, costs: Costs, epoch: int) -> None:
    """What each score cost: a table, and metrics at `epoch`."""
    run.metrics(epoch, costs.metrics())
    run.table(COST, costs.table())


def detection_metrics(summary: Columns) -> dict[str, float]:
    """`auroc/<name>` and `average_precision/<name>` of every summary and detector against the truth.

    Not of summaries against other labels than those trained on: these tell nothing but a leak.
    """
    values = {}
    for name in (name for name in summary if name not in NOT_SUMMARIES and not against_others(name)):
        found = detect(suspicion(name, summary[name]), summary["changed"])
        values[f"auroc/{slug(name)}"] = found.auroc.value
        values[f"average_precision/{slug(name)}"] = found.average_precision
    return values


def leading(summary: Columns) -> str | None:
    """What ranks examples for people: the protocol's detector, else CSL, the clean one if it was measured."""
    return next((name for name in (*DETECTORS, *FIRST) if name in summary), None)


def choice_files(choice: Choice | None) -> dict[str, bytes]:
    """What a run keeps of the choice that a budget made, by file name."""
    return {CHOICE: choice.to_json()} if choice else {}


def trained_text(blobs: Blobs) -> str:
    """What a finished training run has to say, for a terminal."""
    chosen = [Choice.from_json(blobs.get(CHOICE)).text()] if CHOICE in blobs.names("") else []
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
