"""What a training run says of itself when it begins: its axes, settings and description."""

from __future__ import annotations

import torch

from memest.data import CORRUPTIONS, PROTOCOLS, SETS
from memest.grammar.config import digest, key_settings
from memest.models import MODELS
from memest.overhead.schedule import every_in_words
from memest.runs.colour import run_colour
from memest.runs.config import TrainConfig
from memest.runs.key import source_tag
from memest.runs.prepare import Prepared
from memest.tracking import About

LEFT_OUT = "tables/left_out"
"""The images of the source that a run left out."""


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
        "Among the artifacts look at `report.html`, the most suspicious labels, and read "
        "`sheet/summary.parquet`, one row per example. `seen/…` is from the training batches "
        "themselves, everything else from "
        f"clean passes in evaluation mode: scores from logits {every_in_words(config.score_every)}, "
        f"from gradients {every_in_words(config.gradient_every)}."
    )
    if left_out := prepared.split.left_out:
        note += f"\n\n{len(left_out):,} images of the source were left out: `{LEFT_OUT}` names them."
    return About(
        stage="train",
        key=prepared.key,
        name=name,
        settings=key_settings(config) | {"data": dataset, "corruption": corruption, "model": model},
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
        colour=run_colour(model, config.seed, dataset, corruption, protocol, str(config.recipe.epochs)),
    )


def recipe_tag(config: TrainConfig, device: torch.device) -> str:
    """Eight digits that runs share when they differ in axes and seeds only: what may be averaged."""
    apart = {"data", "limit", "corruption", "corruption_seed", "model", "seed", "scores", "checkpoints"}
    apart |= {"protocol", "part", "max_overhead"}
    settings = {name: value for name, value in key_settings(config).items() if name not in apart}
    return digest(settings, device.type)[:8]
